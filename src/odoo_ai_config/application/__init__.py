"""
What the hub does: use cases by resource, and the ports that they need.

Errors that any use case may raise:

- `ScopeMissingError` if its *caller* does not have the scope, and `TenantForbiddenError` if the
  caller is bound to another tenant;
- `EncryptedValueError` if it writes a secret that is ciphertext of the replaced server, and
  `UnknownFingerprintError` if it writes the fingerprint of a value that the tenant does not have;
- `SealBrokenError` or `MasterKeyMissingError` if a sealed value or a data key does not open;
- `MessageNotFoundError` if there is no message with its *message_id*;
- `IdempotencyKeyReusedError` if its *claim* was used before with another body;
- `ContentionError` if other writers were faster in every attempt, and
  `StoreUnavailableError` while the store is away.

A docstring names the other errors of its use case.
"""
