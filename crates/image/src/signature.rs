//! Signatures in the Notary Project format, with a COSE envelope, and the policy that says whom to trust.
