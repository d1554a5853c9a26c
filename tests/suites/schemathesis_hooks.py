"""What schemathesis needs to know to send TOML: it is text."""

import schemathesis


@schemathesis.serializer("application/toml")
def toml(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
