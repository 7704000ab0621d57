"""What of the rest of SageMaker is kept here, and what is refused and why: a table, one row per resource.

A resource that is kept is created, described, listed, updated and deleted, and that is all. Some are whole
that way (an experiment, an artifact: AWS does no more with them); where AWS would run something, nothing
runs here, and the resource's status is a failed one, with this as its reason, from the start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """How a resource of the service model is treated."""

    noun: str
    """As in the names of its operations: `CreateExperiment` → `Experiment`."""
    word: str
    """As in its ARN: `experiment`."""
    whole: bool = False
    """Being kept is all there is to it on AWS, too."""
    reason: str = ""
    """Why nothing runs: the FailureReason of a kept resource, or the answer of a refused Create."""
    refused: bool = False
    key: tuple[str, ...] = ()
    """The members that identify it, when they are not those that its Describe request needs."""
    prefix: str = ""
    """What the identifier that the service gives it begins with; empty when its name identifies it."""
    id_member: str = ""
    """The member that holds that identifier; empty when it is only in the ARN."""
    parents: tuple[tuple[str, str], ...] = ()
    """Members that name another resource, with that one's word in ARNs: it must exist, and it cannot be
    deleted before this one."""
    other_with: str = ""
    """A member that only those have which another noun's operations made: these do not describe them."""
    sorted_by: str = "CreationTime"
    descending: bool = True
    """The order of its List when the request asks for none, as in `kinds.ResourceKind`."""
    exists: str = ""
    missing: str = ""


_NO_STUDIO = "sagelocal keeps this and runs no SageMaker Studio; an IDE of your own can use the local service"
_NO_EDGE = "SageMaker Edge Manager ended in April 2024"
_NO_PEOPLE = "sagelocal cannot send work to people (SageMaker Ground Truth, Augmented AI)"
_NO_HYPERPOD = "sagelocal keeps this and has no machines for a HyperPod cluster"

ROWS = (
    Row(noun="Experiment", word="experiment", whole=True),
    Row(
        noun="Trial",
        word="experiment-trial",
        whole=True,
        parents=(("ExperimentName", "experiment"),),
    ),
    Row(noun="TrialComponent", word="experiment-trial-component", whole=True),
    Row(noun="Action", word="action", whole=True),
    Row(noun="Artifact", word="artifact", whole=True, prefix="-", key=("ArtifactArn",)),
    Row(noun="Context", word="context", whole=True),
    Row(noun="ModelCard", word="model-card", whole=True),
    Row(noun="DataQualityJobDefinition", word="data-quality-job-definition", whole=True),
    Row(noun="ModelBiasJobDefinition", word="model-bias-job-definition", whole=True),
    Row(noun="ModelExplainabilityJobDefinition", word="model-explainability-job-definition", whole=True),
    Row(noun="ModelQualityJobDefinition", word="model-quality-job-definition", whole=True),
    Row(noun="AIWorkloadConfig", word="ai-workload-config", whole=True),
    Row(
        noun="CodeRepository",
        word="code-repository",
        whole=True,
        sorted_by="Name",
        descending=False,
        exists="Cannot create a duplicate Code Repository with name {name}",
        missing="Cannot find CodeRepository: {arn}",
    ),
    Row(
        noun="NotebookInstanceLifecycleConfig",
        word="notebook-instance-lifecycle-config",
        whole=True,
        exists="Unable to create Notebook Instance Lifecycle Config {arn}. "
        "(Details: Notebook Instance Lifecycle Config already exists.)",
        missing="Unable to describe Notebook Instance Lifecycle Config '{arn}'. "
        "(Details: Notebook Instance Lifecycle Config does not exist.)",
    ),
    Row(noun="StudioLifecycleConfig", word="studio-lifecycle-config", whole=True),
    Row(noun="AppImageConfig", word="app-image-config", whole=True),
    Row(
        noun="NotebookInstance",
        word="notebook-instance",
        sorted_by="Name",
        reason="sagelocal keeps notebook instances and runs no Jupyter server for them; one of your own can "
        "use the local service",
        parents=(("LifecycleConfigName", "notebook-instance-lifecycle-config"),),
        exists="Cannot create a duplicate Notebook Instance ({arn})",
        missing="RecordNotFound",
    ),
    Row(noun="Domain", word="domain", reason=_NO_STUDIO, prefix="d-", id_member="DomainId"),
    Row(
        noun="UserProfile",
        word="user-profile",
        reason=_NO_STUDIO,
        parents=(("DomainId", "domain"),),
        descending=False,
    ),
    Row(
        noun="Space",
        word="space",
        reason=_NO_STUDIO,
        parents=(("DomainId", "domain"),),
        descending=False,
    ),
    Row(
        noun="App",
        word="app",
        reason=_NO_STUDIO,
        key=("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"),
        parents=(("DomainId", "domain"),),
        descending=False,
    ),
    Row(
        noun="AutoMLJob",
        word="automl-job",
        other_with="AutoMLProblemTypeConfig",
        sorted_by="Name",
        reason="sagelocal keeps AutoML jobs and runs none; a hyperparameter tuning job runs here",
    ),
    Row(
        noun="AutoMLJobV2",
        word="automl-job",
        reason="sagelocal keeps AutoML jobs and runs none; a hyperparameter tuning job runs here",
    ),
    Row(
        noun="FeatureGroup",
        word="feature-group",
        reason="sagelocal keeps feature groups and has no feature store for their records",
    ),
    Row(
        noun="MonitoringSchedule",
        word="monitoring-schedule",
        reason="sagelocal keeps monitoring schedules and runs none; a processing job runs here",
    ),
    Row(
        noun="Project",
        word="project",
        reason="sagelocal keeps projects and has no AWS Service Catalog to provision them",
        id_member="ProjectId",
        prefix="p-",
        key=("ProjectName",),
        descending=False,
    ),
    Row(
        noun="Cluster",
        word="cluster",
        reason=_NO_HYPERPOD,
        prefix="-",
        key=("ClusterName",),
        descending=False,
    ),
    Row(
        noun="InferenceComponent",
        word="inference-component",
        reason="sagelocal keeps inference components and places none; a production variant serves here",
        parents=(("EndpointName", "endpoint"),),
    ),
    Row(
        noun="Image",
        word="image",
        reason="sagelocal keeps images of Studio and has no registry to read them from",
    ),
    # Refused: nothing of these can be here, and what asks for them is told so.
    Row(
        noun="ImageVersion",
        word="image-version",
        refused=True,
        key=("ImageName",),
        reason="sagelocal cannot read container images; image URIs name Python environments here",
    ),
    Row(noun="CompilationJob", word="compilation-job", refused=True, reason="sagelocal has no Neo compiler"),
    Row(noun="EdgePackagingJob", word="edge-packaging-job", refused=True, reason=_NO_EDGE),
    Row(noun="DeviceFleet", word="device-fleet", refused=True, reason=_NO_EDGE),
    Row(noun="EdgeDeploymentPlan", word="edge-deployment", refused=True, reason=_NO_EDGE),
    Row(noun="LabelingJob", word="labeling-job", refused=True, reason=_NO_PEOPLE),
    Row(noun="FlowDefinition", word="flow-definition", refused=True, reason=_NO_PEOPLE),
    Row(noun="HumanTaskUi", word="human-task-ui", refused=True, reason=_NO_PEOPLE),
    Row(noun="Workforce", word="workforce", refused=True, reason=_NO_PEOPLE),
    Row(noun="Workteam", word="workteam", refused=True, reason=_NO_PEOPLE),
    Row(
        noun="Algorithm",
        word="algorithm",
        refused=True,
        reason="sagelocal cannot make algorithms of the AWS Marketplace; a training job takes an image",
    ),
    Row(noun="Hub", word="hub", refused=True, reason="sagelocal cannot host a JumpStart hub"),
    Row(
        noun="OptimizationJob",
        word="optimization-job",
        refused=True,
        reason="sagelocal cannot optimize models for accelerators: it has none",
    ),
    Row(
        noun="InferenceRecommendationsJob",
        word="inference-recommendations-job",
        refused=True,
        reason="sagelocal cannot recommend instance types: every instance is this machine",
    ),
    Row(
        noun="AIBenchmarkJob",
        word="ai-benchmark-job",
        refused=True,
        reason="sagelocal cannot benchmark instance types: every instance is this machine",
    ),
    Row(
        noun="AIRecommendationJob",
        word="ai-recommendation-job",
        refused=True,
        reason="sagelocal cannot recommend instance types: every instance is this machine",
    ),
    Row(
        noun="InferenceExperiment",
        word="inference-experiment",
        refused=True,
        reason="sagelocal cannot mirror traffic to shadow variants",
    ),
    Row(
        noun="MlflowTrackingServer",
        word="mlflow-tracking-server",
        refused=True,
        reason="sagelocal runs no MLflow server; `mlflow server` does",
    ),
    Row(
        noun="MlflowApp",
        word="mlflow-app",
        refused=True,
        reason="sagelocal runs no MLflow server; `mlflow server` does",
    ),
    Row(
        noun="PartnerApp",
        word="partner-app",
        refused=True,
        reason="sagelocal cannot run the applications of AWS's partners",
    ),
    Row(
        noun="TrainingPlan",
        word="training-plan",
        refused=True,
        reason="sagelocal cannot reserve capacity: there is this machine only",
    ),
    Row(noun="ClusterSchedulerConfig", word="cluster-scheduler-config", refused=True, reason=_NO_HYPERPOD),
    Row(noun="ComputeQuota", word="compute-quota", refused=True, reason=_NO_HYPERPOD),
    Row(
        noun="Job",
        word="job",
        refused=True,
        key=("JobName",),
        reason="sagelocal cannot run agentic jobs (CreateJob); a training job runs here",
    ),
    Row(
        noun="TrainingSession",
        word="training-session",
        refused=True,
        reason="sagelocal cannot run serverless training sessions; a training job runs here",
    ),
    Row(
        noun="ModelCardExportJob",
        word="model-card-export-job",
        refused=True,
        reason="sagelocal cannot export a model card as a PDF; DescribeModelCard has its content",
    ),
)
