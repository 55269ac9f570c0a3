"""Routes at work: `route.RouteUnit` maps events, `exchange.Exchange` does it in transactions."""
