"""What a stranger does with a public model, by NVIDIA's tritonclient: no line of leakdrill is imported here.

Run as a script of its own, because its stubs and ours cannot be in one process. Usage:

    third_party.py {sync,aio} HOST:PORT CREDENTIALS MODEL IMAGES.npy OUT.json

It writes what it was told of the server and the model, the answers to raw and to typed contents, and how each of its
mistakes was answered: {mistake: [status, message]}.
"""

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import InferInput, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

CLIENTS = {
    "sync": tritonclient.grpc.InferenceServerClient,
    "aio": tritonclient.grpc.aio.InferenceServerClient,
}


async def main(kind: str, address: str, credentials: Path, model: str, images: np.ndarray) -> dict[str, Any]:
    files = {
        "root_certificates": str(credentials / "ca.pem"),
        "private_key": str(credentials / "key.pem"),
        "certificate_chain": str(credentials / "cert.pem"),
    }
    client = CLIENTS[kind](address, ssl=True, **files)
    report = {
        "live": await answer(client.is_server_live()),
        "ready": await answer(client.is_server_ready()),
        "model_ready": [await answer(client.is_model_ready(name)) for name in (model, "other")],
        "server": MessageToDict(await answer(client.get_server_metadata())),
        "model": MessageToDict(await answer(client.get_model_metadata(model))),
    }
    outputs = [output["name"] for output in report["model"]["outputs"]]
    report["raw"] = await infer(client, model, outputs, image_input(images))
    report["each"] = {name: (await infer(client, model, [name], image_input(images)))[name] for name in outputs}
    report["mistakes"] = await mistakes(client, model, images)
    await answer(client.close())
    with channel(address, files) as connection:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(connection)
        report["typed"] = by_name(stub.ModelInfer(typed_request(model, images)))
        report["typed_mistakes"] = typed_mistakes(stub, model, images)
    return report


async def answer(called: Any) -> Any:
    return await called if inspect.isawaitable(called) else called


def image_input(
    images: np.ndarray, name: str = "image", datatype: str = "UINT8", shape: list[int] | None = None
) -> InferInput:
    tensor = InferInput(name, list(images.shape), datatype)
    tensor.set_data_from_numpy(images)
    return tensor.set_shape(shape or list(images.shape))


async def infer(client: Any, model: str, outputs: list[str], *inputs: InferInput, version: str = "") -> dict[str, Any]:
    wanted = [InferRequestedOutput(name) for name in outputs]
    result = await answer(client.infer(model, list(inputs), version, wanted or None))
    names = [output.name for output in result.get_response().outputs]
    return {name: result.as_numpy(name).tolist() for name in names}


async def mistakes(client: Any, model: str, images: np.ndarray) -> dict[str, list[str]]:
    right = image_input(images)
    floats = images.astype(np.float32)
    flat = images.reshape(len(images), -1)
    many = np.zeros((4097, *images.shape[1:]), np.uint8)
    attempts: dict[str, Any] = {
        "unknown model": lambda: infer(client, "other", [], right),
        "unknown version": lambda: infer(client, model, [], right, version="2"),
        "metadata of an unknown model": lambda: answer(client.get_model_metadata("other")),
        "metadata of an unknown version": lambda: answer(client.get_model_metadata(model, "2")),
        "unknown input": lambda: infer(client, model, [], image_input(images, "images")),
        "no input": lambda: infer(client, model, []),
        "an input twice": lambda: infer(client, model, [], right, right),
        "unknown output": lambda: infer(client, model, ["scoresx"], right),
        "flattened": lambda: infer(client, model, [], image_input(flat)),
        "a shape that the bytes do not fill": lambda: infer(
            client, model, [], image_input(images, shape=[len(images) + 1, *images.shape[1:]])
        ),
        "a negative shape": lambda: infer(client, model, [], image_input(images, shape=[-1, *images.shape[1:]])),
        "floats": lambda: infer(client, model, [], image_input(floats, datatype="FP32")),
        "not a number": lambda: infer(client, model, [], image_input(np.full_like(floats, np.nan), datatype="FP32")),
        "too many examples": lambda: infer(client, model, [], image_input(many)),
        "no example": lambda: infer(client, model, [], image_input(images[:0])),
        "a method of Triton's own": lambda: answer(client.load_model(model)),
    }
    return {mistake: await failure(attempt) for mistake, attempt in attempts.items()}


async def failure(attempt: Any) -> list[str]:
    try:
        return ["OK", repr(await attempt())]
    except InferenceServerException as error:
        return [str(error.status()).removeprefix("StatusCode."), str(error.message())]


def channel(address: str, files: dict[str, str]) -> grpc.Channel:
    ca, key, cert = (Path(file).read_bytes() for file in files.values())
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, cert))


def typed_request(model: str, images: np.ndarray, **contents: Any) -> Any:
    request = service_pb2.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="image", datatype="UINT8", shape=images.shape)
    for field, values in (contents or {"uint_contents": images.ravel().tolist()}).items():
        getattr(tensor.contents, field).extend(values)
    return request


def by_name(response: Any) -> dict[str, Any]:
    result = tritonclient.grpc.InferResult(response)
    return {output.name: result.as_numpy(output.name).tolist() for output in response.outputs}


def typed_mistakes(stub: Any, model: str, images: np.ndarray) -> dict[str, list[str]]:
    pixels = images.ravel().tolist()
    both = typed_request(model, images)
    both.raw_input_contents.append(images.tobytes())
    attempts = {
        "a pixel too few": typed_request(model, images, uint_contents=pixels[1:]),
        "a pixel of 256": typed_request(model, images, uint_contents=[256, *pixels[1:]]),
        "pixels in the wrong field": typed_request(model, images, int_contents=pixels),
        "raw and typed at once": both,
    }
    answers = {}
    for mistake, request in attempts.items():
        try:
            answers[mistake] = ["OK", repr(stub.ModelInfer(request))]
        except grpc.RpcError as error:
            answers[mistake] = [error.code().name, error.details()]
    return answers


if __name__ == "__main__":
    kind, address, credentials, model, images, out = sys.argv[1:]
    report = asyncio.run(main(kind, address, Path(credentials), model, np.load(images, allow_pickle=False)))
    Path(out).write_text(json.dumps(report))
