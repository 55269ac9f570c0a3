"""OAuth 2 and OpenID Connect: servers and what they describe, grants, logins through a browser or a code."""
