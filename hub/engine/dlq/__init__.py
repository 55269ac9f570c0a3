"""Dead letters: kept with their cause (`deadletter`, `outlet`), found (`selection`, `census`), replayed or given up."""
