"""The cluster files: their schema, and a whole `ray up cluster.yaml` against a simulated AWS."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

boto3 = pytest.importorskip("boto3", reason="needs boto3: pip install boto3")
moto = pytest.importorskip("moto", reason="needs moto: pip install 'moto[cloudformation]'")
ray_util = pytest.importorskip("ray.autoscaler._private.util")

REPOSITORY = Path(__file__).parents[2]
ADDRESS = "203.0.113.4/32"
REGION = "us-west-2"


def read(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((REPOSITORY / name).read_text())
    return config


def filled(config: dict[str, Any], *, image: str, group: str) -> dict[str, Any]:
    """Return cluster.yaml with the two values that a user puts in."""
    config = copy.deepcopy(config)
    for node_type in config["available_node_types"].values():
        node_type["node_config"] |= {"ImageId": image, "SecurityGroupIds": [group]}
    return config


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A launcher's home with a token, in the project's folder, with credentials that open nothing."""
    home = tmp_path_factory.mktemp("home")
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("token")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        patch.setenv("HOME", str(home))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(scope="module")
def account(home: Path) -> Iterator[dict[str, str]]:
    """The outputs of sweeps/aws_account.yaml, deployed to a simulated account."""
    with moto.mock_aws():
        image = boto3.client("ec2", region_name=REGION).describe_images()["Images"][0]["ImageId"]
        boto3.client("ssm", region_name=REGION).put_parameter(Name="/test/image", Value=image, Type="String")
        template = (REPOSITORY / "sweeps" / "aws_account.yaml").read_text()
        default = re.search(r"/aws/service/\S+", template)[0]  # which the simulation lacks
        parameters = {"Address": ADDRESS, "Bucket": "studies"}
        stacks = boto3.client("cloudformation", region_name=REGION)
        stacks.create_stack(
            StackName="bs-study",
            TemplateBody=template.replace(default, "/test/image"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        outputs = stacks.describe_stacks(StackName="bs-study")["Stacks"][0]["Outputs"]
        yield {output["OutputKey"]: output["OutputValue"] for output in outputs}


@pytest.fixture(scope="module")
def commands(account: dict[str, str], home: Path) -> list[str]:
    """What `ray up cluster.yaml` ran by SSH and rsync in that account, in order."""
    from ray.autoscaler import sdk

    ran: list[str] = []

    def note(command: list[str], **_: object) -> bytes:
        ran.append(" ".join(command))
        return b""

    config = filled(read("cluster.yaml"), image=account["Image"], group=account["SecurityGroup"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "check_call", note)
        patch.setattr(subprocess, "check_output", note)
        sdk.create_or_update_cluster(config, no_config_cache=True)
    return ran


def instances() -> list[dict[str, Any]]:
    found = boto3.client("ec2", region_name=REGION).describe_instances()["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


@pytest.mark.parametrize("name", ["cluster.yaml", "sweeps/on_premises.yaml"])
def test_the_cluster_files_fit_the_schema_of_ray(name: str) -> None:
    ray_util.validate_config(ray_util.prepare_config(read(name)))


def test_the_file_as_it_ships_starts_nothing(account: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    from ray.autoscaler import sdk

    with pytest.raises(AssertionError):  # which `ray up` shows as one line
        sdk.create_or_update_cluster(read("cluster.yaml"), no_config_cache=True)
    assert "SecurityGroupIds" in "".join(capfd.readouterr())
    assert instances() == []


def test_ray_up_starts_a_cpu_head_and_no_worker_before_there_is_a_trial(commands: list[str]) -> None:
    (head,) = instances()
    assert head["InstanceType"] == "m7i.large"
    assert {"Key": "ray-node-type", "Value": "head"} in head["Tags"]
    assert "InstanceLifecycle" not in head
    assert head["IamInstanceProfile"]["Arn"].endswith("/bs-study-head")
    assert head["MetadataOptions"]["HttpTokens"] == "required"
    assert head["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


def test_ray_up_makes_a_key_of_its_own_that_only_its_owner_can_read(commands: list[str], home: Path) -> None:
    (key,) = home.glob(".ssh/*.pem")
    assert key.stat().st_mode & 0o077 == 0
    (pair,) = boto3.client("ec2", region_name=REGION).describe_key_pairs()["KeyPairs"]
    assert pair["KeyName"] == key.stem == instances()[0]["KeyName"]


def test_the_nodes_are_reached_by_ssh_from_one_address_and_by_each_other(
    account: dict[str, str], commands: list[str]
) -> None:
    client = boto3.client("ec2", region_name=REGION)
    group = account["SecurityGroup"]
    assert [used["GroupId"] for used in instances()[0]["SecurityGroups"]] == [group]
    rules = client.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    from_outside = [rule for rule in rules if rule["IpRanges"] or rule.get("Ipv6Ranges")]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in from_outside] == [(22, 22)]
    assert [allowed["CidrIp"] for rule in from_outside for allowed in rule["IpRanges"]] == [ADDRESS]
    assert {pair["GroupId"] for rule in rules for pair in rule["UserIdGroupPairs"]} == {group}


def test_no_group_of_the_account_lets_in_the_world(commands: list[str]) -> None:
    groups = boto3.client("ec2", region_name=REGION).describe_security_groups()["SecurityGroups"]
    assert "0.0.0.0/0" not in json.dumps([group["IpPermissions"] for group in groups])


def test_a_worker_may_use_the_bucket_and_the_head_may_give_it_that_role(account: dict[str, str]) -> None:
    client = boto3.client("iam")
    policies = client.list_attached_role_policies(RoleName="bs-study-worker")["AttachedPolicies"]
    policy = client.get_policy(PolicyArn=policies[0]["PolicyArn"])["Policy"]
    version = client.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    resources = [statement["Resource"] for statement in version["PolicyVersion"]["Document"]["Statement"]]
    assert len(policies) == 1
    assert resources == ["arn:aws:s3:::studies", "arn:aws:s3:::studies/*"]
    given = client.get_role_policy(RoleName="bs-study-head", PolicyName="give-workers-their-role")
    document = str(given["PolicyDocument"])
    assert "'iam:PassRole'" in document.replace('"', "'")
    assert client.get_role(RoleName="bs-study-worker")["Role"]["Arn"] in document


def test_the_head_may_end_and_tag_nothing_but_what_a_cluster_has_started(account: dict[str, str]) -> None:
    client = boto3.client("iam")
    attached = [client.list_attached_role_policies(RoleName=f"bs-study-{role}") for role in ("head", "worker")]
    assert attached[0]["AttachedPolicies"] == attached[1]["AttachedPolicies"]  # the bucket, and nothing of Amazon's
    given = client.get_role_policy(RoleName="bs-study-head", PolicyName="start-and-end-workers")
    statements = yaml.safe_load(str(given["PolicyDocument"]))["Statement"]  # JSON, or its repr
    free = {action for statement in statements if "Condition" not in statement for action in statement["Action"]}
    assert free == {"ec2:Describe*", "ec2:RunInstances"}
    (ends,) = (statement for statement in statements if "ec2:TerminateInstances" in statement["Action"])
    assert ends["Condition"] == {"StringLike": {"ec2:ResourceTag/ray-cluster-name": "*"}}


def test_workers_are_spot_machines_that_come_on_demand_and_go_when_idle(account: dict[str, str], home: Path) -> None:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    config = filled(read("cluster.yaml"), image=account["Image"], group=account["SecurityGroup"])
    config = AWSNodeProvider.fillout_available_node_types_resources(ray_util.prepare_config(config))
    head, worker = (config["available_node_types"][name] for name in ("head", "gpu"))
    assert head["resources"]["CPU"] == 0
    assert (worker["resources"]["GPU"], worker["resources"]["CPU"]) == (1, 4)
    assert (worker["min_workers"], worker["max_workers"]) == (0, config["max_workers"])
    assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert worker["node_config"]["MetadataOptions"]["HttpTokens"] == "required"
    assert worker["node_config"]["IamInstanceProfile"] == {"Name": "bs-study-worker"}
    assert 0 < config["idle_timeout_minutes"] <= 10
    assert config["provider"]["cache_stopped_nodes"] is False


def test_the_head_gets_the_code_the_token_and_the_exact_versions_before_it_starts(commands: list[str]) -> None:
    copied = [command for command in commands if command.startswith("rsync")]
    for path in ("~/.ray/auth_token", "~/project/bs_study/", "~/project/sweeps/", "~/project/pyproject.toml"):
        assert any(command.endswith(f":{path}") for command in copied), path
    assert all(f"--exclude {name}" in copied[1] for name in (".git", "results", "data")), copied[1]
    token, python, versions, start = (
        next(at for at, command in enumerate(commands) if text in command)
        for text in ("export RAY_AUTH_MODE=token", "--python 3.12", "ray[default,tune]==2.60.0", "ray start --head")
    )
    assert token < python < versions < start
    assert "torch==2.14.1" in commands[versions]
    assert ".[sweep]" in commands[versions]


def test_ray_starts_with_its_dashboard_on_loopback_and_the_threads_of_a_trial_its_own(commands: list[str]) -> None:
    (start,) = [command for command in commands if "ray start" in command]
    assert "--dashboard-host=127.0.0.1" in start
    assert start.index("export OMP_NUM_THREADS=1") < start.index("unset OMP_NUM_THREADS") < start.index("ray start")


@pytest.mark.parametrize("name", ["cluster.yaml", "sweeps/on_premises.yaml"])
def test_both_files_start_ray_in_the_same_safe_way(name: str) -> None:
    config = read(name)
    head, worker = config["head_start_ray_commands"][-1], config["worker_start_ray_commands"][-1]
    assert "--dashboard-host=127.0.0.1" in head
    assert all(command.startswith("unset OMP_NUM_THREADS;") for command in (head, worker))
    assert "~/.ray/auth_token" in config["file_mounts"]
    assert any("RAY_AUTH_MODE=token" in command for command in config["initialization_commands"])
    assert any("ray[default,tune]==2.60.0" in command for command in config["setup_commands"])
    assert {".git", "results", "data"} < set(config["rsync_exclude"])
