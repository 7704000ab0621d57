"""The `/opt/ml` tree of a container, as paths.

The same tree has two roots: where it is on this machine (`Layout(job_folder / "ml")`), and where the job sees
it (`Layout(OPT_ML)` when the job is isolated, the same folder when it is not).
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OPT_ML = Path("/opt/ml")


@dataclass(frozen=True)
class Layout:
    """The tree below `root`."""

    root: Path

    @property
    def input(self) -> Path:
        """Configuration and data come in here."""
        return self.root / "input"

    @property
    def config(self) -> Path:
        """hyperparameters.json, inputdataconfig.json and resourceconfig.json."""
        return self.input / "config"

    @property
    def data(self) -> Path:
        """One folder for each channel."""
        return self.input / "data"

    @property
    def code(self) -> Path:
        """The user's source folder, and the working directory of the script."""
        return self.root / "code"

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz after training; where it is unpacked for serving."""
        return self.root / "model"

    @property
    def output(self) -> Path:
        """The failure file, and the data folder."""
        return self.root / "output"

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.output / "data"

    @property
    def intermediate(self) -> Path:
        """What the training toolkit syncs to `sagemaker_s3_output` while the script runs."""
        return self.output / "intermediate"

    @property
    def failure(self) -> Path:
        """What the container writes here is the job's FailureReason."""
        return self.output / "failure"

    @property
    def checkpoints(self) -> Path:
        """The default place of checkpoints."""
        return self.root / "checkpoints"

    @property
    def processing(self) -> Path:
        """Below it are the inputs and outputs of a processing job."""
        return self.root / "processing"

    @property
    def scratch(self) -> Path:
        """What an isolated job sees as `/tmp`: beside its tree on this machine."""
        return self.root.parent / "tmp"

    def channel(self, name: str) -> Path:
        """Return the folder of a channel."""
        return self.data / name

    def make(self) -> None:
        """Create the folders that every container finds."""
        for folder in (self.config, self.data, self.code, self.model, self.output_data):
            folder.mkdir(parents=True, exist_ok=True)

    def on_host(self, path: str) -> Path:
        """Return where a path of the container (`/opt/ml/…`) is below this root.

        Raises:
            ValueError: the path is not below `/opt/ml`, or leads out of it.

        """
        relative = Path(path).relative_to(OPT_ML)
        if ".." in relative.parts:
            raise ValueError(f"{path!r} leads out of {OPT_ML}")
        return self.root / relative

    def relocated(self, text: str) -> str:
        """Return a word of a command, or a variable's value, with its `/opt/ml` as this tree's root."""
        return text if self.root == OPT_ML else text.replace(str(OPT_ML), str(self.root))
