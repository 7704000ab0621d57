"""A supervisor without a container: it keeps the folder's contract, and does what the job's `end` says.

`Completed` writes that end at once; `wait` runs until it is stopped, then writes Stopped; `die` is killed
when the user's code was started; `refuse` ends before it, with words on stderr.
"""

import fcntl
import json
import os
import signal
import sys
import threading
from pathlib import Path

from sagelocal.jobs.folder import JobFolder, write_json
from sagelocal.jobs.store import Store


def main(folder: JobFolder) -> None:
    job = json.loads(folder.job.read_text())
    end = job["body"]["HyperParameters"]["end"]
    if end == "refuse":
        sys.exit("no such thing here")
    with folder.lock.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        folder.pid.write_text(str(os.getpid()))
        with folder.started.open("a") as started:
            started.write("once\n")
        if end == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        status = end
        if end == "wait":
            while not (stopped.is_set() or folder.stop.exists()):
                stopped.wait(0.05)
            status = "Stopped"
        store = Store(Path(job["settings"]["data_dir"]) / "state.db")
        body = store.get(job["kind"], job["name"]).body | {"TrainingJobStatus": status}
        write_json(folder.exit, {"body": body})
        store.update(job["kind"], job["name"], lambda _: body)


main(JobFolder(Path(sys.argv[1])))
