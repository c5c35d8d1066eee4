"""
What the hub does: use cases by resource, and the ports that they need.

What every use case raises is said here, once:

- `ScopeMissingError` if its *caller* lacks the scope, and `TenantForbiddenError` if the caller is
  bound to another tenant;
- `IdempotencyKeyReusedError` if its *claim* came before with another body;
- `ContentionError` if other writers were faster each time, and `StoreUnavailableError` while the
  store is away.

Docstrings name what else there is.
"""
