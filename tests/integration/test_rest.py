"""The rest of the service model with boto3: what is kept tells the truth, what is searched is found."""

import datetime as dt
import itertools

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sagemaker(control_plane):
    return control_plane.client("sagemaker")


@pytest.fixture
def name():
    return f"rest-{next(_numbers)}"


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_notebook_instance_is_kept_and_says_that_it_does_not_run(sagemaker, name):
    request = {"NotebookInstanceName": name, "InstanceType": "ml.t3.medium", "RoleArn": ROLE}
    code, message = refusal(sagemaker.create_notebook_instance, LifecycleConfigName="none", **request)
    assert code == "ValidationException"
    assert "does not exist" in message
    sagemaker.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=name)
    arn = sagemaker.create_notebook_instance(LifecycleConfigName=name, **request)["NotebookInstanceArn"]

    described = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert arn == described["NotebookInstanceArn"] == f"{ARN}:notebook-instance/{name}"
    assert described["NotebookInstanceStatus"] == "Failed"
    assert "runs no Jupyter server" in described["FailureReason"]
    assert described["NotebookInstanceLifecycleConfigName"] == name
    assert refusal(sagemaker.create_notebook_instance, **request) == (
        "ValidationException",
        f"Cannot create a duplicate Notebook Instance ({arn})",
    )
    assert refusal(sagemaker.start_notebook_instance, NotebookInstanceName=name)[0] == "ValidationException"
    listed = sagemaker.list_notebook_instances(StatusEquals="Failed", NameContains=name)["NotebookInstances"]
    assert [each["NotebookInstanceName"] for each in listed] == [name]
    config = {"NotebookInstanceLifecycleConfigName": name}
    code, message = refusal(sagemaker.delete_notebook_instance_lifecycle_config, **config)
    assert arn in message

    sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    sagemaker.delete_notebook_instance_lifecycle_config(**config)
    gone = ("ValidationException", "RecordNotFound")
    assert refusal(sagemaker.describe_notebook_instance, NotebookInstanceName=name) == gone
    sagemaker.get_waiter("notebook_instance_deleted").wait(NotebookInstanceName=name)


def test_an_update_takes_away_what_it_names_and_changes_settings_in_part(sagemaker, name):
    config = {"NotebookInstanceLifecycleConfigName": name}
    sagemaker.create_notebook_instance_lifecycle_config(**config)
    sagemaker.create_notebook_instance(
        NotebookInstanceName=name,
        InstanceType="ml.t3.medium",
        RoleArn=ROLE,
        LifecycleConfigName=name,
        DefaultCodeRepository="https://example.com/r.git",
    )
    sagemaker.update_notebook_instance(
        NotebookInstanceName=name, DisassociateLifecycleConfig=True, DisassociateDefaultCodeRepository=False
    )
    described = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert "NotebookInstanceLifecycleConfigName" not in described
    assert described["DefaultCodeRepository"] == "https://example.com/r.git"
    sagemaker.delete_notebook_instance_lifecycle_config(**config)

    sagemaker.create_image(ImageName=name, RoleArn=ROLE, DisplayName="shown", Description="told")
    sagemaker.update_image(ImageName=name, DeleteProperties=["Description"])
    image = sagemaker.describe_image(ImageName=name)
    assert (image["DisplayName"], image.get("Description")) == ("shown", None)

    domain = sagemaker.create_domain(
        DomainName=name,
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": ROLE},
        DomainSettings={"SecurityGroupIds": ["sg-1"]},
    )["DomainArn"].rpartition("/")[2]
    changed = {"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"}
    sagemaker.update_domain(DomainId=domain, DomainSettingsForUpdate=changed)
    described = sagemaker.describe_domain(DomainId=domain)
    assert described["DomainSettings"] == {"SecurityGroupIds": ["sg-1"]} | changed
    sagemaker.delete_domain(DomainId=domain)


def test_a_domain_holds_its_profiles(sagemaker, name):
    domain = sagemaker.create_domain(
        DomainName=name, AuthMode="IAM", DefaultUserSettings={"ExecutionRole": ROLE}
    )["DomainArn"].rpartition("/")[2]
    assert domain.startswith("d-")
    profile = {"DomainId": domain, "UserProfileName": "ana"}
    arn = sagemaker.create_user_profile(**profile)["UserProfileArn"]

    assert arn == f"{ARN}:user-profile/{domain}/ana"
    assert sagemaker.describe_user_profile(**profile)["Status"] == "Failed"
    listed = sagemaker.list_user_profiles(DomainIdEquals=domain)["UserProfiles"]
    assert [each["UserProfileName"] for each in listed] == ["ana"]
    assert refusal(sagemaker.create_user_profile, **profile)[0] == "ResourceInUse"
    assert refusal(sagemaker.delete_domain, DomainId=domain)[0] == "ResourceInUse"
    sagemaker.delete_user_profile(**profile)
    sagemaker.delete_domain(DomainId=domain)
    assert refusal(sagemaker.describe_domain, DomainId=domain)[0] == "ResourceNotFound"


def test_what_cannot_be_here_is_refused_with_the_reason_and_none_is_listed(sagemaker, name):
    output = {"S3OutputLocation": "s3://b/o", "TargetDevice": "ml_m5"}
    code, message = refusal(
        sagemaker.create_compilation_job,
        CompilationJobName=name,
        RoleArn=ROLE,
        OutputConfig=output,
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    assert code == "ValidationException"
    assert "Neo compiler" in message
    assert sagemaker.list_compilation_jobs()["CompilationJobSummaries"] == []
    assert refusal(sagemaker.describe_compilation_job, CompilationJobName=name)[0] == "ResourceNotFound"


def test_lists_have_pages_in_order(sagemaker, name):
    names = [f"{name}-{letter}" for letter in "cab"]
    for each in names:
        sagemaker.create_code_repository(
            CodeRepositoryName=each, GitConfig={"RepositoryUrl": "https://example.com/r.git"}
        )

    def listed(**order):
        pages = sagemaker.get_paginator("list_code_repositories").paginate(
            NameContains=name, PaginationConfig={"PageSize": 2}, **order
        )
        return [each["CodeRepositoryName"] for page in pages for each in page["CodeRepositorySummaryList"]]

    assert listed() == listed(SortBy="Name", SortOrder="Ascending") == sorted(names)
    assert listed(SortBy="CreationTime", SortOrder="Descending") == names[::-1]
    code, message = refusal(
        sagemaker.create_code_repository,
        CodeRepositoryName=names[0],
        GitConfig={"RepositoryUrl": "https://example.com/r.git"},
    )
    assert (code, message) == (
        "ValidationException",
        f"Cannot create a duplicate Code Repository with name {names[0]}",
    )


def test_experiments_trials_and_components(control_plane, sagemaker, name):
    sagemaker.create_experiment(ExperimentName=name, Description="why")
    trials = [f"{name}-t1", f"{name}-t2"]
    for each in trials:
        sagemaker.create_trial(TrialName=each, ExperimentName=name)
    missing = refusal(sagemaker.create_trial, TrialName="x", ExperimentName="none")
    assert missing[0] == "ResourceNotFound"
    component = {"TrialComponentName": f"{name}-c"}
    sagemaker.create_trial_component(
        **component,
        Parameters={"lr": {"NumberValue": 0.1}, "kind": {"StringValue": "forest"}},
        Status={"PrimaryStatus": "InProgress"},
    )
    sagemaker.associate_trial_component(TrialName=trials[0], **component)

    listed = sagemaker.list_trials(**component)["TrialSummaries"]
    assert [each["TrialName"] for each in listed] == trials[:1]
    for found in ({"TrialName": trials[0]}, {"ExperimentName": name}):
        summaries = sagemaker.list_trial_components(**found)["TrialComponentSummaries"]
        assert [each["TrialComponentName"] for each in summaries] == [f"{name}-c"]
    assert sagemaker.list_trial_components(TrialName=trials[1])["TrialComponentSummaries"] == []

    now = dt.datetime.now(dt.UTC)
    metrics = control_plane.client("sagemaker-metrics")
    data = [{"MetricName": "loss", "Timestamp": now, "Step": n, "Value": 1 / n} for n in (1, 2, 4)]
    assert metrics.batch_put_metrics(**component, MetricData=data).get("Errors", []) == []
    (loss,) = sagemaker.describe_trial_component(**component)["Metrics"]
    assert (loss["Min"], loss["Max"], loss["Last"], loss["Count"]) == (0.25, 1.0, 0.25, 3)
    query = {
        "MetricName": "loss",
        "ResourceArn": f"{ARN}:experiment-trial-component/{name}-c",
        "MetricStat": "Last",
        "Period": "IterationNumber",
        "XAxisType": "IterationNumber",
    }
    (series,) = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    assert (series["XAxisValues"], series["MetricValues"]) == ([1, 2, 4], [1.0, 0.5, 0.25])

    sagemaker.update_trial_component(
        **component, ParametersToRemove=["kind"], Status={"PrimaryStatus": "Completed"}
    )
    described = sagemaker.describe_trial_component(**component)
    assert described["Parameters"] == {"lr": {"NumberValue": 0.1}}
    assert described["Status"]["PrimaryStatus"] == "Completed"

    def searched(*filters):
        expression = {
            "Filters": [dict(zip(("Name", "Operator", "Value"), each, strict=True)) for each in filters]
        }
        results = sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=expression)[
            "Results"
        ]
        return [each["TrialComponent"]["TrialComponentName"] for each in results]

    by_parent = ("Parents.ExperimentName", "Equals", name)
    assert searched(by_parent, ("Parameters.lr", "GreaterThan", "0.05")) == [f"{name}-c"]
    assert searched(by_parent, ("Metrics.loss.Min", "LessThan", "0.3")) == [f"{name}-c"]
    assert searched(by_parent, ("Parameters.lr", "GreaterThan", "0.5")) == []

    assert refusal(sagemaker.delete_trial, TrialName=trials[0])[0] == "ValidationException"
    sagemaker.disassociate_trial_component(TrialName=trials[0], **component)
    sagemaker.delete_trial(TrialName=trials[0])
    sagemaker.delete_trial_component(**component)


def test_lineage_is_walked_both_ways(sagemaker, name):
    data, model = (
        sagemaker.create_artifact(
            ArtifactName=f"{name}-{kind}",
            Source={"SourceUri": f"s3://b/{name}/{kind}"},
            ArtifactType=kind,
            Properties={"k": kind},
        )["ArtifactArn"]
        for kind in ("DataSet", "Model")
    )
    action = sagemaker.create_action(
        ActionName=name, Source={"SourceUri": "s3://b"}, ActionType="ModelTraining", Status="Completed"
    )["ActionArn"]
    sagemaker.add_association(SourceArn=data, DestinationArn=action, AssociationType="ContributedTo")
    sagemaker.add_association(SourceArn=action, DestinationArn=model, AssociationType="Produced")

    found = sagemaker.list_artifacts(SourceUri=f"s3://b/{name}/Model")["ArtifactSummaries"]
    assert [each["ArtifactArn"] for each in found] == [model]
    (edge,) = sagemaker.list_associations(DestinationArn=model)["AssociationSummaries"]
    assert (edge["SourceType"], edge["DestinationType"]) == ("ModelTraining", "Model")
    up = sagemaker.query_lineage(StartArns=[model], Direction="Ascendants", IncludeEdges=True)
    assert [each["Arn"] for each in up["Vertices"]] == [action, data]
    assert len(up["Edges"]) == 2
    near = sagemaker.query_lineage(StartArns=[model], Direction="Ascendants", MaxDepth=1)
    assert [each["Arn"] for each in near["Vertices"]] == [action]
    filters = {"Types": ["DataSet"], "LineageTypes": ["Artifact"], "Properties": {"k": "DataSet"}}
    only = sagemaker.query_lineage(StartArns=[model], Direction="Both", Filters=filters)
    assert [(each["Arn"], each["Type"]) for each in only["Vertices"]] == [(data, "DataSet")]

    assert refusal(sagemaker.delete_artifact, ArtifactArn=data)[0] == "ValidationException"
    sagemaker.delete_association(SourceArn=data, DestinationArn=action)
    sagemaker.delete_artifact(Source={"SourceUri": f"s3://b/{name}/DataSet"})
    assert refusal(sagemaker.describe_artifact, ArtifactArn=data)[0] == "ResourceNotFound"


def test_lineage_leaves_out_what_was_deleted(sagemaker, name):
    first, second = (
        sagemaker.create_experiment(ExperimentName=f"{name}-{number}")["ExperimentArn"] for number in (1, 2)
    )
    sagemaker.add_association(SourceArn=first, DestinationArn=second)
    assert [each["Arn"] for each in sagemaker.query_lineage(StartArns=[first])["Vertices"]] == [second]
    sagemaker.delete_experiment(ExperimentName=f"{name}-2")
    found = sagemaker.query_lineage(StartArns=[first], IncludeEdges=True)
    assert (found["Vertices"], found["Edges"]) == ([], [])


def test_a_model_card_has_versions(sagemaker, name):
    card = {"ModelCardName": name}
    sagemaker.create_model_card(**card, Content='{"a": 1}', ModelCardStatus="Draft")
    sagemaker.update_model_card(**card, Content='{"a": 2}')
    sagemaker.update_model_card(**card, ModelCardStatus="Approved")

    described = sagemaker.describe_model_card(**card)
    assert (described["ModelCardVersion"], described["Content"]) == (2, '{"a": 2}')
    assert described["ModelCardStatus"] == "Approved"
    assert sagemaker.describe_model_card(**card, ModelCardVersion=1)["Content"] == '{"a": 1}'
    versions = sagemaker.list_model_card_versions(**card)["ModelCardVersionSummaryList"]
    assert [each["ModelCardVersion"] for each in versions] == [2, 1]
    code, _ = refusal(sagemaker.create_model_card, **card, Content="no JSON", ModelCardStatus="Draft")
    assert code == "ValidationException"


def search(sagemaker, expression, **more):
    found = sagemaker.search(Resource="ModelPackage", SearchExpression=expression, **more)["Results"]
    return [each["ModelPackage"]["ModelPackageVersion"] for each in found]


def test_model_packages_are_searched(sagemaker, name):
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    for number, status in enumerate(("Approved", "Rejected", "PendingManualApproval"), 1):
        sagemaker.create_model_package(
            ModelPackageGroupName=name,
            ModelApprovalStatus=status,
            InferenceSpecification={"Containers": [{"Image": f"image:{number}", "ModelDataUrl": "s3://b/m"}]},
            CustomerMetadataProperties={"accuracy": f"0.{number}"},
        )
    ours = {"Name": "ModelPackageGroupName", "Value": name}

    def filtered(*filters, **more):
        return search(sagemaker, {"Filters": [ours, *filters]}, SortBy="ModelPackageVersion", **more)

    status, accuracy = "ModelApprovalStatus", "CustomerMetadataProperties.accuracy"
    assert filtered() == [3, 2, 1]
    assert filtered(SortOrder="Ascending") == [1, 2, 3]
    assert filtered({"Name": status, "Operator": "NotEquals", "Value": "Approved"}) == [3, 2]
    assert filtered({"Name": status, "Operator": "In", "Value": "Approved,Rejected"}) == [2, 1]
    assert filtered({"Name": status, "Operator": "Contains", "Value": "Manual"}) == [3]
    assert filtered({"Name": accuracy, "Operator": "GreaterThanOrEqualTo", "Value": "0.2"}) == [3, 2]
    assert filtered({"Name": "ApprovalDescription", "Operator": "Exists"}) == []
    assert filtered({"Name": "ApprovalDescription", "Operator": "NotExists"}) == [3, 2, 1]
    either = [{"Name": status, "Value": value} for value in ("Approved", "Rejected")]
    nested = {"Filters": [ours], "SubExpressions": [{"Filters": either, "Operator": "Or"}]}
    assert sorted(search(sagemaker, nested)) == [1, 2]
    containers = "InferenceSpecification.Containers"
    pair = {
        "NestedPropertyName": containers,
        "Filters": [
            {"Name": f"{containers}.Image", "Value": "image:2"},
            {"Name": f"{containers}.ModelDataUrl", "Operator": "Contains", "Value": "s3"},
        ],
    }
    assert search(sagemaker, {"Filters": [ours], "NestedFilters": [pair]}) == [2]

    pages = sagemaker.get_paginator("search").paginate(
        Resource="ModelPackage", SearchExpression={"Filters": [ours]}, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Results"]) for page in pages] == [2, 1]
    hint = {"PropertyNameQuery": {"PropertyNameHint": "ModelApp"}}
    suggested = sagemaker.get_search_suggestions(Resource="ModelPackage", SuggestionQuery=hint)
    assert {"PropertyName": status} in suggested["PropertyNameSuggestions"]
    assert "cannot search" in refusal(sagemaker.search, Resource="HubContent")[1]


def test_an_update_of_a_part_keeps_the_rest_of_it(sagemaker, name):
    repository = {"CodeRepositoryName": name}
    config = {"RepositoryUrl": "https://example.com/r.git", "Branch": "main"}
    sagemaker.create_code_repository(**repository, GitConfig=config)
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"
    sagemaker.update_code_repository(**repository, GitConfig={"SecretArn": secret})
    assert sagemaker.describe_code_repository(**repository)["GitConfig"] == config | {"SecretArn": secret}


def test_a_job_of_the_second_automl_is_not_described_by_the_first(sagemaker, name):
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}
    sagemaker.create_auto_ml_job_v2(
        AutoMLJobName=name,
        AutoMLJobInputDataConfig=[{"DataSource": source}],
        OutputDataConfig={"S3OutputPath": "s3://b/out"},
        AutoMLProblemTypeConfig={"TabularJobConfig": {"TargetAttributeName": "y"}},
        RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
    )
    assert sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)["AutoMLJobStatus"] == "Failed"
    assert refusal(sagemaker.describe_auto_ml_job, AutoMLJobName=name)[0] == "ResourceNotFound"


@pytest.fixture
def watched(name):
    """What a monitoring job takes and where its reports would go."""
    machine = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    outputs = [{"S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/output"}}]
    return {
        "input": {"EndpointInput": {"EndpointName": name, "LocalPath": "/opt/ml/processing/input"}},
        "outputs": {"MonitoringOutputs": outputs},
        "resources": {"ClusterConfig": machine},
        "image": {
            "ImageUri": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
        },
    }


def test_monitoring_schedules_are_listed_by_the_endpoint_that_they_watch(sagemaker, name, watched):
    sagemaker.create_data_quality_job_definition(
        JobDefinitionName=f"{name}-defined",
        DataQualityAppSpecification=watched["image"],
        DataQualityJobInput=watched["input"],
        DataQualityJobOutputConfig=watched["outputs"],
        JobResources=watched["resources"],
        RoleArn=ROLE,
    )
    inline = {
        "MonitoringInputs": [watched["input"]],
        "MonitoringOutputConfig": watched["outputs"],
        "MonitoringResources": watched["resources"],
        "MonitoringAppSpecification": watched["image"],
        "RoleArn": ROLE,
    }
    configs = {
        "defined": {"MonitoringJobDefinitionName": f"{name}-defined", "MonitoringType": "DataQuality"},
        "inline": {"MonitoringJobDefinition": inline, "MonitoringType": "DataQuality"},
        "other": {"MonitoringJobDefinitionName": "nobodys", "MonitoringType": "DataQuality"},
    }
    for end, config in configs.items():
        sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=f"{name}-{end}", MonitoringScheduleConfig=config
        )
    described = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=f"{name}-defined")
    assert described["EndpointName"] == name
    assert described["MonitoringScheduleStatus"] == "Failed"
    listed = sagemaker.list_monitoring_schedules(EndpointName=name, SortBy="Name", SortOrder="Ascending")
    found = {each["MonitoringScheduleName"] for each in listed["MonitoringScheduleSummaries"]}
    assert found == {f"{name}-defined", f"{name}-inline"}
