"""Rate limits: by what the schema file says, by what the API says, and shared over processes through Redis.

`RateLimiter` is the policy; a `Gate` is one limit.
"""

from hub.services.limits.limiter import RateLimiter

__all__ = ["RateLimiter"]
