"""A contract that uses most of what there is, to be broken in tests."""

import pytest

from mlops_stage.stages.data.contract.loading import inspect

GOOD = """\
apiVersion: v3.1.0
kind: DataContract
id: churn-train
version: 1.0.0
status: active
schema:
  - name: train
    properties:
      - name: id
        logicalType: integer
        primaryKey: true
        primaryKeyPosition: 1
      - name: age
        logicalType: integer
        required: true
        logicalTypeOptions:
          minimum: 18
          maximum: 120
        quality:
          - metric: nullValues
            mustBeLessThan: 1
            unit: percent
            severity: warning
          - metric: invalidValues
            arguments:
              validValues: [1, 2]
            mustBe: 0
      - name: plan
        logicalType: string
        classification: restricted
        logicalTypeOptions:
          pattern: ^[a-z]+$
          maxLength: 20
        quality:
          - type: custom
            engine: mlops-stage
            implementation:
              check: drift
              mustBeLessThan: 0.2
          - type: custom
            engine: mlops-stage
            implementation:
              check: class_share
              value: gold
              mustBeBetween: [0.1, 0.3]
      - name: seen
        logicalType: timestamp
        unique: true
    quality:
      - metric: rowCount
        mustBeBetween: [1000, 2000]
      - metric: duplicateValues
        arguments:
          properties: [age, plan]
        mustBe: 0
      - type: sql
        query: SELECT count(*) FROM {object} WHERE age < 18
        mustBe: 0
slaProperties:
  - property: freshness
    value: 24
    unit: h
    element: train.seen
"""


@pytest.fixture
def read(tmp_path):
    """Inspect a contract of that text."""

    def inspected(text):
        (tmp_path / "contract.odcs.yaml").write_text(text, encoding="utf-8")
        return inspect("contract.odcs.yaml", tmp_path)

    return inspected


@pytest.fixture
def good():
    return GOOD
