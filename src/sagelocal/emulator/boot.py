"""What the emulator's own interpreter runs: ministack, the local access key being a session of a role.

`GetCallerIdentity` must answer with an assumed role that IAM knows, or the SageMaker SDK's
`get_execution_role()` fails; ministack takes a static key for the account's root. So the key is registered
the way its own AssumeRole would, with no expiry. This file runs in the emulator's environment: it imports
nothing of sagelocal, and its settings come as arguments.
"""

import sys

from ministack import app
from ministack.services import sts


def main() -> None:
    """Register the access key given in argv as a session of the role given in argv, and serve."""
    access_key, account, role, session = sys.argv[1:]
    del sys.argv[1:]  # ministack parses its own
    sts.register_session(
        access_key,
        {
            "AccountId": account,
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "UserId": f"AROASAGELOCAL:{session}",
            "PrincipalType": "AssumedRole",
        },
    )
    app.main()


if __name__ == "__main__":
    main()
