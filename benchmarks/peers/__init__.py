"""Other ways to move events with Python, for comparison: each installed into an environment of its own, cached.

None of them is a dependency of the project. Their programs (``quix_loop``, ``faststream_loop``, ``faust_loop``) run in
those environments, so they import nothing of the hub, but for `tasks`, which lies beside them.
"""
