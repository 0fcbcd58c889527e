import subprocess
import sys
from pathlib import Path

from leakdrill.pb import inference_pb2, party_pb2

ROOT = Path(__file__).parents[1]


def test_the_committed_stubs_are_what_the_protos_generate(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_stubs.py", tmp_path / "pb"], check=True, capture_output=True
    )
    committed = {path.name: path.read_text() for path in (ROOT / "leakdrill" / "pb").glob("*.py*")}
    generated = {path.name: path.read_text() for path in (tmp_path / "pb").glob("*.py*")}
    assert generated.keys() == committed.keys(), "run `make proto`"
    assert [name for name in generated if generated[name] != committed[name]] == [], "run `make proto`"


def test_the_stubs_keep_the_names_that_travel() -> None:
    assert party_pb2.DESCRIPTOR.services_by_name["PartyService"].full_name == "leakdrill.v1.PartyService"
    service = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert service.full_name == "inference.GRPCInferenceService"


def test_field_numbers_are_those_of_the_open_inference_protocol() -> None:
    numbers = {
        (name, field.name): field.number
        for name, message in inference_pb2.DESCRIPTOR.message_types_by_name.items()
        for field in message.fields
    }
    assert numbers["ModelInferRequest", "raw_input_contents"] == 7
    assert numbers["ModelInferResponse", "raw_output_contents"] == 6
    assert numbers["ModelInferRequest", "inputs"] == 5
    assert numbers["InferTensorContents", "fp32_contents"] == 6
    assert numbers["InferParameter", "uint64_param"] == 5
