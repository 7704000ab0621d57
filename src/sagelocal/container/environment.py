"""What the training toolkit tells a script: `SM_*` variables and arguments, computed as it computes them.

Pure: facts in, values out. The rules are those of sagemaker-training 5.1.4 (`environment.py`, `mapping.py`,
`entry_point.py`, `process.py`), and a test compares with values taken from it. Left out on purpose:
`PYTHONPATH` holds the code folder alone, not the interpreter's whole path, which it knows anyway.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.container.layout import Layout

PREFIX = "sagemaker_"
PROGRAM = "sagemaker_program"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"
DEFAULT_LOG_LEVEL = 20
KNOWN_PARAMETERS = frozenset(
    {
        *(PROGRAM, SUBMIT_DIRECTORY, "sagemaker_enable_cloudwatch_metrics", "sagemaker_region"),
        *("sagemaker_container_log_level", "sagemaker_job_name", "default_user_module_name"),
        *("_tuning_objective_metric", "sagemaker_s3_output"),
    }
)
"""Hyperparameters for the toolkit itself: the script never sees them."""
_DISTRIBUTIONS = (
    *("sagemaker_mpi_enabled", "sagemaker_parameter_server_enabled"),
    *("sagemaker_distributed_dataparallel_enabled", "sagemaker_pytorch_ddp_enabled"),
    *("sagemaker_pytorch_xla_multi_worker_enabled", "sagemaker_multi_worker_mirrored_strategy_enabled"),
    "sagemaker_torch_distributed_enabled",
)
_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")


class EntryPointError(ValueError):
    """The name of the script is not one that the toolkit runs."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the toolkit finds in a container: the three configuration files, its variables, the machine."""

    base: Layout
    """The tree as the job sees it."""
    hyperparameters: Mapping[str, str]
    resource_config: Mapping[str, Any]
    input_data_config: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict)
    """The container's variables: the image's own, SageMaker's and the request's `Environment`."""
    cpus: int = 1


def decode(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the values as the toolkit reads them: JSON where it is JSON, else the text itself."""
    decoded: dict[str, Any] = {}
    for name, text in hyperparameters.items():
        try:
            decoded[name] = json.loads(text)
        except (ValueError, TypeError):
            decoded[name] = text
    return decoded


def user_parameters(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those that the script sees."""
    return {name: value for name, value in hyperparameters.items() if not _is_toolkits(name)}


def _is_toolkits(name: str) -> bool:
    return name in KNOWN_PARAMETERS or name.startswith(PREFIX)


def program(facts: Facts) -> str | None:
    """Return the script's name: the variable SAGEMAKER_PROGRAM, else the hyperparameter; or None."""
    named = facts.variables.get("SAGEMAKER_PROGRAM") or decode(facts.hyperparameters).get(PROGRAM)
    return None if named is None else str(named)


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Return decoded values as a command line: `--name value`, sorted by name, `-n value` for one letter."""
    found: list[str] = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        found.append(("--" if len(name) > 1 else "-") + name if name else "")
        if isinstance(value, dict):
            found.append(",".join(f"{key}={part}" for key, part in sorted(value.items())))
        else:
            found.append("" if value is None else str(value))
    return found


def command(python: str, script: str, args: list[str], *, is_package: bool) -> list[str]:
    """Return the command that runs the script; `is_package`: its folder has a setup.py.

    Raises:
        EntryPointError: there is no name, or it is no plain path inside the source folder.

    """
    if not script:
        raise EntryPointError(
            f"There is no training entry point; needed is its name in the hyperparameter {PROGRAM}, with the "
            f"source folder in {SUBMIT_DIRECTORY}, or a ContainerEntrypoint"
        )
    if not _ENTRY_POINT.fullmatch(script) or any(part in {".", ".."} for part in script.split("/")):
        raise EntryPointError(
            f"The training entry point {script!r} cannot be used; needed is a path inside the source folder "
            "made of letters, digits, '.', '_', '+', '-' and '/' that does not start with '-' or '/'"
        )
    if is_command(script, is_package=is_package):
        return ["/bin/sh", "-c", f"./{shlex.quote(script)} {' '.join(shlex.quote(arg) for arg in args)}"]
    if is_package:
        return [python, "-m", script.removesuffix(".py"), *args]
    return [python, script, *args]


def is_command(script: str, *, is_package: bool) -> bool:
    """Tell whether a shell runs the script: neither a Python file nor a module of a package."""
    return script.endswith(".sh") or not (is_package or script.endswith(".py"))


def variables(facts: Facts) -> dict[str, str]:
    """Return all variables that the toolkit adds to the container's own."""
    decoded = decode(facts.hyperparameters)
    toolkit = {name: value for name, value in decoded.items() if _is_toolkits(name)}
    values = _values(facts, decoded, toolkit)
    env: dict[str, Any] = {name: value for name, value in values.items() if name not in _TRAINING_ENV_ONLY}
    env["hps"] = values["hyperparameters"]
    env["framework_params"] = values["additional_framework_parameters"]
    env["channels"] = sorted(facts.input_data_config)
    env["training_env"] = values
    env["user_args"] = arguments(values["hyperparameters"])
    env |= {f"channel_{name}": path for name, path in values["channel_input_dirs"].items()}
    env |= {f"hp_{name}": value for name, value in values["hyperparameters"].items()}
    added = {f"SM_{name.upper()}": encode(value) for name, value in env.items()}
    return added | {
        "CURRENT_HOST": facts.resource_config["current_host"],
        "SAGEMAKER_JOB_NAME": encode(toolkit.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": encode(toolkit.get("sagemaker_region") or _region(facts.variables)),
        "PYTHONPATH": ":".join(filter(None, [str(facts.base.code), facts.variables.get("PYTHONPATH")])),
    }


def master(facts: Facts) -> str:
    """Return the host that leads the job's cluster."""
    toolkit = {name: value for name, value in decode(facts.hyperparameters).items() if _is_toolkits(name)}
    return str(_groups(facts.resource_config, toolkit)["master_hostname"])


def region(facts: Facts) -> str:
    """Return SAGEMAKER_REGION: the toolkit's own hyperparameter, else the container's region."""
    return variables(facts)["SAGEMAKER_REGION"]


def encode(value: Any) -> str:
    """Write a value as a variable: text as it is, nothing as nothing, the rest as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


_TRAINING_ENV_ONLY = frozenset(
    {
        *("hyperparameters", "additional_framework_parameters", "channel_input_dirs", "distribution_hosts"),
        *("is_master", "is_modelparallel_enabled", "is_smddpmprun_installed", "is_smddprun_installed"),
        *("job_name", "master_hostname", "topology"),
    }
)
"""In SM_TRAINING_ENV, but without a variable of their own."""


def _values(facts: Facts, decoded: dict[str, Any], toolkit: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of the toolkit's `Environment`."""
    base, resources = facts.base, facts.resource_config
    name = facts.variables.get("SAGEMAKER_PROGRAM")
    module = name if name is not None else str(toolkit.get(PROGRAM))
    return {
        "additional_framework_parameters": _framework_parameters(toolkit),
        "channel_input_dirs": {channel: str(base.channel(channel)) for channel in facts.input_data_config},
        "current_host": resources["current_host"],
        "current_instance_type": resources.get("current_instance_type", "local"),
        "framework_module": facts.variables.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": resources["hosts"],
        "hyperparameters": user_parameters(decoded),
        "input_config_dir": str(base.config),
        "input_data_config": dict(facts.input_data_config),
        "input_dir": str(base.input),
        "is_modelparallel_enabled": _model_parallel(facts.variables.get("SM_HP_MP_PARAMETERS")),
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": facts.variables.get("TRAINING_JOB_NAME"),
        "log_level": toolkit.get("sagemaker_container_log_level", DEFAULT_LOG_LEVEL),
        "model_dir": str(base.model),
        "module_dir": str(toolkit.get(SUBMIT_DIRECTORY, base.code)),
        "module_name": module.removesuffix(".py"),
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": facts.cpus,
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": str(base.output_data),
        "output_dir": str(base.output),
        "output_intermediate_dir": str(base.intermediate),
        "resource_config": dict(resources),
        "topology": resources.get("topology", []),
        "user_entry_point": name or toolkit.get(PROGRAM),
        **_groups(resources, toolkit),
    }


def _groups(resources: Mapping[str, Any], toolkit: dict[str, Any]) -> dict[str, Any]:
    """Return what depends on instance groups."""
    groups = resources.get("instance_groups", [])
    by_name = {group["instance_group_name"]: group for group in groups}
    current = resources.get("current_group_name", "homogeneousCluster")
    spread = [current] if any(toolkit.get(name) for name in _DISTRIBUTIONS) else []
    spread = toolkit.get("sagemaker_distribution_instance_groups", spread)
    hosts = [host for group in groups if group["instance_group_name"] in spread for host in group["hosts"]]
    if not groups:
        hosts = list(resources["hosts"])
    master = hosts[0] if hosts else resources["hosts"][0]
    return {
        "current_instance_group": current,
        "current_instance_group_hosts": by_name.get(current, {}).get("hosts", []),
        "distribution_hosts": hosts,
        "distribution_instance_groups": spread,
        "instance_groups": list(by_name),
        "instance_groups_dict": by_name,
        "is_hetero": len(by_name) > 1,
        "is_master": resources["current_host"] == master,
        "master_hostname": master,
    }


def _framework_parameters(toolkit: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in toolkit.items() if name not in KNOWN_PARAMETERS}


def _model_parallel(parameters: str | None) -> bool | str | None:
    return parameters and parameters != "{}"


def _region(variables: Mapping[str, str]) -> str:
    return variables.get("AWS_DEFAULT_REGION") or variables.get("AWS_REGION") or ""
