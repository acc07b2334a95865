"""Inventories for tests: one with everything that can be said, and as many different ones as are asked for."""

import hashlib
import random

from mlops_stage.stages.sbom.facts import (
    ELEMENTS,
    Ci,
    Column,
    Confidence,
    Dataset,
    DatasetUse,
    Fact,
    File,
    Git,
    Inventory,
    Item,
    Library,
    Licence,
    Model,
    Parent,
    Port,
    Tool,
)
from mlops_stage.stages.sbom.results import Assessment, Compiled, Figure, Judged, Results

EVERY = [element for element in ELEMENTS if element != "licence"]
"""Elements that may say anything; terms of use are in fields of their own."""
EPOCH = 1_767_225_600
VALUES = {
    "timestamp": "2026-01-01T00:00:00Z",
    "contact": "models@acme.example",
    "homepage": "https://acme.example/models",
    "documentation": "docs/model.md",
    "repository": "https://git.acme.example/models.git",
    "download": "https://acme.example/models/m.onnx",
    "security_policy": "https://acme.example/.well-known/security.txt",
    "vulnerability": "https://acme.example/vex.json",
    "training_type": "supervised",
    "parameters": "1264",
    "hyperparameter": "learning_rate=0.1",
    "metadata": "origin=skl2onnx",
    "claimed_metric": "accuracy=0.91 (imdb, test)",
    "energy_kwh": "12.5",
    "co2_tonnes": "0.004",
    "rows": "32561",
    "columns": "15",
    "missing": "0.013",
    "quantised": "false",
    "language": "en",
    "attestation": "https://acme.example/bom.sigstore.json",
}


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def fact(element, value=None, source="models/README.md", confidence=Confidence.EXTRACTED):
    return Fact(
        element=element, value=value or VALUES.get(element, f"the {element}: “quoted”, in words"), source=source, confidence=confidence
    )


def file(path, role="weights", form="ONNX"):
    return File(path=path, sha256=digest(path), size=len(path), role=role, format=form)


def library(name, version, *requires, **more):
    return Library(
        ref=f"pkg:pypi/{name}@{version}",
        name=name,
        version=version,
        purl=f"pkg:pypi/{name}@{version}",
        sha256s=(digest(name), digest(f"{name} wheel")),
        requires=tuple(requires),
        licences=(Licence(kind="id", text="BSD-3-Clause", source="environment"),),
        facts=(fact("supplier", "The developers", "environment"),),
        **more,
    )


def dataset(path, role, **more):
    return Dataset(
        ref=f"dataset:sha256:{digest(path)}",
        name=path,
        purl=f"pkg:generic/dataset/x?checksum=sha256:{digest(path)}",
        role=role,
        sha256=digest(path),
        hash_scope="content",
        files=(file(path, "data", "CSV"),),
        licences=(Licence(kind="expression", text="CC-BY-4.0 OR MIT", source="mlops.yaml", confidence=Confidence.DECLARED),),
        **more,
    )


def whole():
    """One with every element in every place, several files, parents, libraries that need each other."""
    every = tuple(fact(element) for element in EVERY)
    train = dataset(
        "data/train.csv",
        "train",
        facts=every,
        columns=(Column(name="age", type="integer", missing=0.25), Column(name="sex", type="", sensitive="declared")),
    )
    test = dataset("data/test.csv", "data")
    base = Parent(
        name="acme/base", relation="finetune", source="models/README.md", purl="pkg:huggingface/acme/base", ref="pkg:huggingface/acme/base"
    )
    model = Model(
        ref=f"model:sha256:{digest('models')}",
        name="credit",
        version="7",
        purl=f"pkg:generic/credit@7?checksum=sha256:{digest('models')}",
        licences=(
            Licence(kind="name", text="openrail++", source="models/README.md", url="https://acme.example/licence"),
            Licence(kind="expression", text="MIT OR Apache-2.0", source="models/README.md", confidence=Confidence.INFERRED),
        ),
        facts=every,
        sha256=digest("models"),
        files=(file("models/m.onnx"), file("models/m.data"), file("models/config.json", "config", "JSON")),
        inputs=(Port(name="age", dtype="float32", shape=("N", 1)),),
        outputs=(Port(name="label", dtype="int64", shape=("N",)),),
        parents=(base,),
        datasets=(
            DatasetUse(role="train", name="train", source="mlops.yaml", ref=train.ref),
            DatasetUse(role="test", name="test", source="mlops.yaml", ref=test.ref),
            DatasetUse(role="unknown", name="imdb", source="models/README.md"),
        ),
    )
    return Inventory(
        system=Item(ref="system:credit-app", name="credit-app", version="1.2.0", facts=every),
        models=(model,),
        datasets=(train, test),
        libraries=(library("numpy", "2.1.0"), library("onnxruntime", "1.20.0", "pkg:pypi/numpy@2.1.0", direct=True)),
        libraries_from="uv.lock",
        libraries_complete=True,
        tools=(Tool(name="mlops-stage", version="0.1.0", purl="pkg:pypi/mlops-stage@0.1.0", what="inventory"),),
        git=Git(commit="a" * 40, committed=EPOCH, remote="https://git.acme.example/credit.git", tag="v1.2.0"),
        ci=Ci(
            system="GitHub Actions",
            repository="https://github.com/acme/credit",
            ref="main",
            workflow=".github/workflows/ci.yml",
            commit="a" * 40,
        ),
        epoch=EPOCH,
    )


def found(inventory):
    """Results of other stages about that inventory."""
    figures = [
        Figure(
            name="accuracy",
            value=0.5 + place / 1000,
            low=0.4,
            high=0.9,
            n=100 + place,
            unit="",
            direction="higher",
            slice=where,
            stage="quality",
            source="quality",
        )
        for place, where in enumerate([(), (("sex", "Female"),), (("sex", "Male"), ("race", "a, b"))])
    ]
    figures.append(
        Figure(
            name="latency_ratio",
            value=1.0,
            low=None,
            high=None,
            n=None,
            unit="x",
            direction="lower",
            slice=(("target", "host"),),
            stage="compile",
            source="compile",
        )
    )
    gap = Assessment(
        groups=("sex=Female", "sex=Male"),
        errs_more="sex=Female",
        metric="tpr_difference[by=sex]",
        verdict="failed",
        sentence="the gap is above .1",
        source="fairness",
    )
    return Results(
        figures=tuple(figures),
        assessments=(gap,),
        compiled=(
            Compiled(
                target="host",
                name="m.onnx",
                path="compile/evidence/host/m.onnx",
                sha256=digest("compiled"),
                source="compile",
                verdict="passed",
            ),
            Compiled(
                target="x86-64-v3",
                name="m.onnx",
                path="compile/evidence/x86-64-v3/m.onnx",
                sha256=digest("compiled"),
                source="compile",
                verdict="inconclusive",
                doubt="x86-64-v3 is not emulated here.",
            ),
        ),
        judged=(
            Judged(
                id="data",
                stage="data",
                outcome="passed",
                summary="12 rules hold",
                passed=12,
                failed=0,
                inconclusive=0,
                model=False,
                data=(inventory.datasets[0].sha256,),
                contract="contract.odcs.yaml",
            ),
            Judged(
                id="quality",
                stage="quality",
                outcome="passed",
                summary="All gates passed.",
                passed=1,
                failed=0,
                inconclusive=0,
                model=True,
                data=tuple(one.sha256 for one in inventory.datasets),
                tested=(inventory.datasets[1].sha256,),
            ),
        ),
    )


def corpus(count):
    """Inventories that differ in what they hold, from a bare model to several libraries."""
    for seed in range(count):
        draw = random.Random(seed)
        full = whole()
        elements = draw.sample(sorted(ELEMENTS), draw.randint(0, len(ELEMENTS)))
        facts = tuple(
            fact(element, None if draw.random() < 0.7 else f"{element} ü\n{seed}")
            for element in sorted(elements)
            if element not in {"name", "version"}
        )
        kinds = (
            (),
            (Licence(kind="id", text="MIT", source="x"),),
            (Licence(kind="expression", text="MIT AND Apache-2.0", source="x"),),
            (Licence(kind="id", text="MIT", source="x"), Licence(kind="name", text="llama3.2", source="x")),
        )
        several = draw.sample(full.models[0].files, draw.randint(0, 3))
        data = full.datasets[: draw.randint(0, 2)]
        known = {one.ref for one in data}
        name = f"model {seed}"
        model = Model(
            ref=f"model:sha256:{digest(name)}" if several else f"model:{name}",
            name=name,
            version=draw.choice(["", "1", "v2-β"]),
            licences=draw.choice(kinds),
            facts=facts,
            sha256=digest(name) if several else "",
            files=tuple(several),
            inputs=full.models[0].inputs if draw.random() < 0.5 else (),
            parents=full.models[0].parents if draw.random() < 0.5 else (),
            datasets=tuple(use for use in full.models[0].datasets if use.ref in known or not use.ref),
        )
        yield Inventory(
            system=Item(ref=f"system:s{seed}", name=f"s{seed}", facts=facts if seed % 3 else ()),
            models=(model,),
            datasets=data,
            libraries=tuple(library(f"package-{place}", f"{place}.0") for place in range(draw.choice([0, 1, 8]))),
            libraries_from=draw.choice(["", "environment", "requirements.txt", "poetry.lock"]),
            libraries_complete=draw.random() < 0.5,
            tools=full.tools,
            git=full.git if draw.random() < 0.5 else None,
            ci=full.ci if draw.random() < 0.5 else None,
            epoch=EPOCH if draw.random() < 0.8 else None,
        )
