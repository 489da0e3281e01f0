"""docs/schemas is what the code says, and the samples are what the schemas say."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from pydantic import ValidationError

from edged import documents as package
from edged.documents.base import Document
from script.generate import schemas
from tests.support.samples import SAMPLES

MODULES: Final = [importlib.import_module(f"edged.documents.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
FOLDER: Final = Path(__file__).parents[4] / "docs" / "schemas"


def committed(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def test_the_committed_schemas_are_those_of_the_code() -> None:
    present = {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in FOLDER.rglob("*.json")}
    assert present == schemas.rendered(), "run script/schemas"


def test_every_document_has_a_schema_and_a_sample() -> None:
    defined = {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Document) and "schema_" in kind.model_fields
    }
    assert defined == set(schemas.DOCUMENTS) == set(SAMPLES)


@pytest.mark.parametrize("kind", schemas.DOCUMENTS, ids=schemas.name_of)
def test_a_sample_is_valid_and_reads_back(kind: type[Document]) -> None:
    validator = jsonschema.Draft202012Validator(committed(f"{schemas.name_of(kind)}.json"))
    written = json.loads(kind.model_validate(SAMPLES[kind]).model_dump_json())
    assert written == SAMPLES[kind]
    validator.validate(written)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({key: value for key, value in written.items() if key != "schema"})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(written | {"more": 1})
    with pytest.raises(ValidationError):
        kind.model_validate(SAMPLES[kind] | {"more": 1})


def test_the_schemas_are_sound() -> None:
    for path in FOLDER.rglob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))
