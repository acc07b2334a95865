"""Facts of a model card and of the files that a Hugging Face folder has beside its weights; nothing is asked of any hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops_stage.stages.sbom.extract.plain import UnreadableError, json_of, text_of, texts, unread, yaml_of
from mlops_stage.stages.sbom.extract.scene import Ancestor, Usage, claim, harmless
from mlops_stage.stages.sbom.facts import DatasetUse, Parent
from mlops_stage.stages.sbom.identity import hub_purl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mlops_stage.stages.sbom.extract.scene import Found, Scene

_MOST = 50
_MOST_MATTER = 2**17
_GRAMS = 1e6
_SECTIONS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("out_of_scope", re.compile(r"out[- ]of[- ]scope|misuse|not intended", re.IGNORECASE)),
    ("limitation", re.compile(r"limitation", re.IGNORECASE)),
    ("bias", re.compile(r"\bbias|fairness", re.IGNORECASE)),
    ("risk", re.compile(r"\brisks?\b|ethical|safety", re.IGNORECASE)),
    ("intended_use", re.compile(r"intended use|direct use|^uses?$|use cases?", re.IGNORECASE)),
    ("training", re.compile(r"training (procedure|details|hyperparameters)|^training$|how .* trained", re.IGNORECASE)),
    ("citation", re.compile(r"citation|how to cite", re.IGNORECASE)),
    ("description", re.compile(r"model description|model details|^overview$|^description$", re.IGNORECASE)),
)
"""Headings of model cards -> what stands below them; the first that fits counts."""
_RELATIONS = {"finetune": "finetune", "adapter": "adapter", "merge": "merge", "quantized": "quantized"}
_SETTINGS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "torch_dtype",
    "dtype",
)
_ADAPTER = ("peft_type", "r", "lora_alpha", "lora_dropout", "task_type")


def extract(scene: Scene) -> Iterator[Found]:
    """What the cards, `config.json` and `adapter_config.json` of the model say; what cannot be read is told and left out."""
    part = scene.parts.get("model")
    if part is None:
        return
    for name, path in scene.cards:
        yield from _card(name, path)
    for name, path in part.named("config.json"):
        yield from _reading(name, path, _config)
    for name, path in part.named("adapter_config.json"):
        yield from _reading(name, path, _adapter)
    if part.purl:
        yield claim("model", "identifier", part.purl, part.source)


def _reading(name: str, path: Path, told: Callable[[Mapping[str, Any], str], Iterator[Found]]) -> Iterator[Found]:
    try:
        plain = json_of(path)
    except UnreadableError as error:
        yield unread(name, error)
        return
    yield from told(plain, name)


def _config(plain: Mapping[str, Any], source: str) -> Iterator[Found]:
    for architecture in texts(plain.get("architectures")):
        yield claim("model", "architecture", architecture, source)
    if isinstance(plain.get("model_type"), str):
        yield claim("model", "family", plain["model_type"], source)
    if isinstance(plain.get("transformers_version"), str):
        yield claim("model", "framework", f"transformers {plain['transformers_version']}", source)
    based = plain.get("_name_or_path")
    if isinstance(based, str) and hub_purl(based) and "/" in based and not based.startswith((".", "/")):
        yield Ancestor(parent=Parent(name=based, relation="base", source=source, purl=hub_purl(based)))
    for key in _SETTINGS:
        if isinstance(plain.get(key), str | int | float):
            yield claim("model", "hyperparameter", f"{key}={plain[key]}", source)
    if isinstance(plain.get("quantization_config"), dict):
        yield claim("model", "quantised", "true", source)


def _adapter(plain: Mapping[str, Any], source: str) -> Iterator[Found]:
    base = plain.get("base_model_name_or_path")
    if isinstance(base, str) and base:
        named = base if hub_purl(base) else base.replace("\\", "/").rstrip("/").rpartition("/")[2]
        revision = plain.get("revision") if isinstance(plain.get("revision"), str) else ""
        yield Ancestor(
            parent=Parent(name=harmless(named, 300), relation="adapter", source=source, purl=hub_purl(base, str(revision or "")))
        )
    for key in _ADAPTER:
        if isinstance(plain.get(key), str | int | float):
            yield claim("model", "hyperparameter", f"{key}={plain[key]}", source)


def _card(name: str, path: Path) -> Iterator[Found]:
    try:
        matter, body = _divided(text_of(path))
        plain = yaml_of(_bounded(matter)) if matter else {}
    except UnreadableError as error:
        yield unread(name, error)
        return
    yield from _matter(plain, name)
    yield from _sections(body, name)


def _bounded(matter: str) -> str:
    """Front matter of a size that somebody may have written; YAML takes its time.

    Raises:
        UnreadableError: it is longer.
    """
    if len(matter) > _MOST_MATTER:
        raise UnreadableError(f"its front matter has more than {_MOST_MATTER:,} characters")
    return matter


def _divided(text: str) -> tuple[str, str]:
    """The YAML between two lines of `---` at the start, and what follows."""
    found = re.match(r"---[ \t]*\n(.*?)\n---[ \t]*(?:\n|$)", text, re.DOTALL)
    return (found[1], text[found.end() :]) if found else ("", text)


def _matter(plain: Mapping[str, Any], source: str) -> Iterator[Found]:
    for key, element in {
        "license": "licence",
        "language": "language",
        "tags": "tag",
        "pipeline_tag": "task",
        "library_name": "framework",
        "model_name": "name",
    }.items():
        for text in texts(plain.get(key)):
            other = element == "licence" and text.lower() == "other"
            yield claim("model", element, plain.get("license_name") or text if other else text, source)
    relation = _RELATIONS.get(str(plain.get("base_model_relation")), "base")
    for text in texts(plain.get("base_model")):
        yield Ancestor(parent=Parent(name=harmless(text, 300), relation=relation, source=source, purl=hub_purl(text)))
    for text in texts(plain.get("datasets")):
        yield Usage(use=DatasetUse(role="train", name=harmless(text, 300), source=source))
    yield from _emissions(plain.get("co2_eq_emissions"), source)
    yield from _results(plain.get("model-index"), source)


def _emissions(plain: Any, source: str) -> Iterator[Found]:
    """Grams of CO2 equivalent, as the cards of Hugging Face have them."""
    grams = plain.get("emissions") if isinstance(plain, dict) else plain
    if isinstance(grams, int | float) and not isinstance(grams, bool) and 0 <= grams < _GRAMS * _GRAMS:
        yield claim("model", "co2_tonnes", f"{grams / _GRAMS:.12g}", source)


def _results(plain: Any, source: str) -> Iterator[Found]:
    """Figures that the authors state: `accuracy=0.91 (imdb, test)`."""
    for model in (plain if isinstance(plain, list) else [])[:_MOST]:
        for result in _listed(model, "results"):
            dataset = result.get("dataset")
            named = [dataset.get(key) for key in ("name", "split")] if isinstance(dataset, dict) else []
            where = harmless(", ".join(one for one in named if isinstance(one, str)), 200)
            for metric in _listed(result, "metrics"):
                kind, value = metric.get("type") or metric.get("name"), metric.get("value")
                if isinstance(kind, str) and isinstance(value, int | float | str):
                    yield claim(
                        "model",
                        "claimed_metric",
                        f"{harmless(kind, 100)}={harmless(value, 100)}" + (f" ({where})" if where else ""),
                        source,
                    )


def _listed(plain: Any, key: str) -> list[dict[str, Any]]:
    found = plain.get(key) if isinstance(plain, dict) else None
    return [one for one in found if isinstance(one, dict)][:_MOST] if isinstance(found, list) else []


def _sections(body: str, source: str) -> Iterator[Found]:
    """Paragraphs below headings whose words are known; templates that nobody filled in say nothing."""
    parts = re.split(r"(?m)^(#{1,6})[ \t]+(.+?)[ \t#]*$", re.sub(r"(?s)<!--.*?-->", "", body))
    told: set[str] = set()
    for heading, text in zip(parts[2::3], parts[3::3], strict=False):
        element = next((name for name, pattern in _SECTIONS if pattern.search(heading.strip())), "")
        plain = _plain(text)
        if element and element not in told and plain and "more information needed" not in plain.lower():
            told.add(element)
            yield claim("model", element, plain, source)


def _plain(text: str) -> str:
    """Prose of Markdown: without pictures, tables, code and the marks of lists and emphasis."""
    text = re.sub(r"(?s)```.*?```", "", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    lines = [re.sub(r"^\s*([-*+]|\d+\.)\s+", "", line).strip() for line in text.splitlines() if not line.lstrip().startswith("|")]
    return re.sub(r"\n{2,}", "\n", re.sub(r"[*`]{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)", "", "\n".join(lines))).strip()
