"""Configuration: what wins over what, and what is said when something is wrong."""

from pathlib import Path

import msgspec
import pytest

from deploy.config.loader import (
    MASK,
    NAMES,
    get,
    load,
    masked,
    strangers,
    variable,
)
from deploy.config.retired import RETIRED
from deploy.config.schema import BadConfig, Config, decode, encode


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "riverwalk.toml"
    path.write_text(
        '[serve]\nport = 1000\n[kafka]\ntopic = "clicks"\n[decay]\nhalf_lives = [1, 2, 3, 4, 10.5]\n'
    )
    return path


def test_nothing_given_is_all_defaults_in_a_folder_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    loaded = load(env={})

    assert loaded.config == Config()
    assert set(loaded.origin.values()) == {"default"}


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(file: Path) -> None:
    env = {"RIVERWALK_SERVE_PORT": "2000"}

    assert load(file, {}).config.serve.port == 1000
    assert load(file, env).config.serve.port == 2000
    assert load(file, env, {"serve.port": 3000}).config.serve.port == 3000
    assert load(file, env, {"serve.port": None}).config.serve.port == 2000


def test_topics_that_are_not_named_are_named_after_that_of_events(file: Path) -> None:
    kafka = load(file, {}).config.kafka
    named = load(file, {"RIVERWALK_KAFKA_ITEMS": "things"}, {"kafka.dead_letter": ""}).config
    handed_on = decode(encode(named)).kafka

    assert (kafka.topic, kafka.items, kafka.dead_letter) == ("clicks", "clicks.items", "clicks.dead")
    assert (handed_on.items, handed_on.dead_letter) == ("things", "clicks.dead")
    assert (Config().kafka.items, Config().kafka.dead_letter) == ("events.items", "events.dead")


def test_every_value_says_where_it_came_from(file: Path) -> None:
    origin = load(file, {"RIVERWALK_SERVE_HTTP_PORT": "1"}, {"learn.seed": 4}).origin

    assert origin["kafka.topic"] == f"file {file}"
    assert origin["serve.http_port"] == "env RIVERWALK_SERVE_HTTP_PORT"
    assert origin["learn.seed"] == "flag"
    assert origin["batch.events"] == "default"


def test_the_file_of_this_folder_is_read_and_one_named_in_the_environment_before_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[learn]\nseed = 7\n")
    monkeypatch.chdir(tmp_path)

    assert load(env={}).config.kafka.topic == "clicks"
    assert load(env={"RIVERWALK_CONFIG": str(other)}).config.learn.seed == 7


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_given_in_the_environment(name: str) -> None:
    default = get(Config(), name)
    text = default if isinstance(default, str) else msgspec.json.encode(default).decode()

    loaded = load(env={variable(name): text})

    assert get(loaded.config, name) == default
    assert loaded.origin[name] == f"env {variable(name)}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[serv]\nport = 1", r"unknown section \[serv\]; did you mean serve\?"),
        ("[serve]\nprot = 1", r"unknown key serve\.prot; did you mean serve\.port\?"),
        ("[state]\nport = 1", r"unknown key state\.port; did you mean "),
        ("serve = 1", r"serve is a section"),
        ("[serve]\nport = '1'", r"serve\.port = '1' \(file .*\): expected int, got str"),
        ("[serve]\nport = 70000", r"serve\.port = 70000 \(file .*\): expected int <= 65535"),
        ("[learn]\nsave_seconds = 0", r"learn\.save_seconds"),
        ("[learn]\nsave_seconds = nan", r"learn\.save_seconds"),
        ("[graph]\naging_share = 2.0", r"graph\.aging_share"),
        ("[kafka]\ntopic = 'a b'", r"kafka\.topic"),
        ("[kafka]\non_gap = 'ignore'", r"kafka\.on_gap = 'ignore' \(file .*\): one of stop, skip is wanted"),
        ("[decay]\nhalf_lives = []", r"decay\.half_lives"),
        ("[decay]\nhalf_lives = [0, 1, 2, 3, 4]", r"decay\.half_lives"),
        ("[serve]\nport = 5\nhttp_port = 5", r"both 5; choose two different ports"),
        ("[serve]\ntls_cert = 'x'", r"belong together"),
        ("[serve]\nreader_token = 'x'", r"go with a password; set serve\.password, too"),
        ("[serve]\nreader_token = 7", r"serve\.reader_token = ••• \(file .*\): expected str"),
        ("[serve]\ncors_origins = ['shop.example']", r"serve\.cors_origins = .*https\?://"),
        ("[kafka]\ntopic = 'a'\ndead_letter = 'a'", r"choose two topics"),
        ("[kafka]\ntopic = 'a'\nitems = 'a.dead'", r"items and kafka\.dead_letter are both 'a\.dead'"),
        (f"[kafka]\ntopic = '{'a' * 245}'", r"kafka\.dead_letter would be 'a+\.dead' of 250 characters"),
        ("[serve\n", r"not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_wanted(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)

    with pytest.raises(BadConfig, match=message):
        load(path, {})


def test_a_wrong_variable_of_a_known_section_is_refused_and_others_are_left_alone() -> None:
    with pytest.raises(BadConfig, match="RIVERWALK_SERVE_PRT; did you mean RIVERWALK_SERVE_PORT"):
        load(env={"RIVERWALK_SERVE_PRT": "1"})

    env = {"RIVERWALK_DATA": "/data", "RIVERWALK_SERVICE_HOST": "10.0.0.1", "HOME": "/"}
    assert load(env=env).config == Config()
    assert strangers(env) == ["RIVERWALK_SERVICE_HOST"]


def test_an_unknown_flag_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadConfig, match=r"learn\.sede: no such setting; did you mean learn\.seed"):
        load(env={}, flags={"learn.sede": 1})


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_setting_is_refused_by_name_with_what_to_do(tmp_path: Path, name: str) -> None:
    section, key = name.split(".")
    (tmp_path / "old.toml").write_text(f"[{section}]\n{key} = 0\n")

    with pytest.raises(BadConfig, match=rf"old\.toml: {name} was retired: .*; remove the line$"):
        load(tmp_path / "old.toml", {})
    with pytest.raises(BadConfig, match=rf"^environment: {variable(name)} was retired: .*; unset it$"):
        load(env={variable(name): "0"})
    with pytest.raises(BadConfig, match=rf"^{name} was retired: .*; leave the flag out$"):
        load(env={}, flags={name: "0"})


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"gone\.toml: cannot be read .*--config"):
        load(tmp_path / "gone.toml", {})


def test_secrets_are_hidden_on_screens_and_in_errors_and_whole_on_the_way_to_a_process() -> None:
    options = '{"sasl.username": "ann", "sasl.password": "hunter2"}'
    config = load(env={"RIVERWALK_SERVE_PASSWORD": "hunter2", "RIVERWALK_KAFKA_OPTIONS": options}).config

    assert masked(config, "serve.password") == MASK
    assert masked(config, "kafka.options") == {"sasl.username": "ann", "sasl.password": MASK}
    assert decode(encode(config)) == config
    with pytest.raises(BadConfig) as error:
        load(env={"RIVERWALK_KAFKA_OPTIONS": '{"sasl.password": hunter2'})
    assert "hunter2" not in str(error.value)


def test_a_password_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hünter2\nmore\n")
    loaded = load(env={"RIVERWALK_SERVE_PASSWORD_FILE": str(file)})

    assert loaded.config.serve.password == "hünter2"
    assert loaded.origin["serve.password"] == f"file {file}"
    assert masked(loaded.config, "serve.password") == MASK
    with pytest.raises(BadConfig, match="both give the password"):
        load(env={"RIVERWALK_SERVE_PASSWORD_FILE": str(file), "RIVERWALK_SERVE_PASSWORD": "x"})
    file.write_text("\n")
    with pytest.raises(BadConfig, match="its first line is empty"):
        load(env={"RIVERWALK_SERVE_PASSWORD_FILE": str(file)})
    with pytest.raises(BadConfig, match=r"gone'?: cannot be read \(No such file"):
        load(env={"RIVERWALK_SERVE_PASSWORD_FILE": str(tmp_path / "gone")})


@pytest.mark.parametrize("name", ["reader", "writer"])
def test_a_password_of_fewer_rights_is_secret_and_goes_with_the_whole_one(name: str) -> None:
    env = {f"RIVERWALK_SERVE_{name.upper()}_PASSWORD": "hunter2"}
    with pytest.raises(BadConfig, match=r"set serve\.password, too"):
        load(env=env)
    config = load(env=env | {"RIVERWALK_SERVE_PASSWORD": "p"}).config

    assert masked(config, f"serve.{name}_password") == MASK


def test_the_file_that_is_shipped_says_what_the_defaults_are() -> None:
    path = Path(__file__).parents[3] / "deploy" / "riverwalk.toml"

    loaded = load(path, {})

    assert loaded.config == Config()
    assert "default" not in loaded.origin.values()


@pytest.mark.parametrize(
    "text", ["https://a.example, https://b.example", '["https://a.example","https://b.example"]']
)
def test_origins_come_with_commas_between_them_or_as_json(text: str) -> None:
    loaded = load(env={"RIVERWALK_SERVE_CORS_ORIGINS": text})

    assert loaded.config.serve.cors_origins == ("https://a.example", "https://b.example")
