"""What users' own programs call: `calls.subscribe` to handle events, `calls.tap` to look at them."""
