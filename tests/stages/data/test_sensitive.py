import pytest

from mlops_stage.inputs.tables.observed import Observed
from mlops_stage.stages.data.sensitive import iban, ip, luhn, reason


def column(name, **more):
    return Observed(**{"name": name, "kind": "string", "stored": "VARCHAR", "rows": 100, "present": 100, "distinct": 90, **more})


@pytest.mark.parametrize(
    "name",
    [
        "Email",
        "customer_id",
        "SSN",
        "first name",
        "iban",
        "phoneNumber",
        "Race",
        "native-country",
        "gender",
        "ZIP",
        "date_of_birth",
        "patientId",
    ],
)
def test_names_that_say_something_about_people(name):
    assert reason(column(name))


@pytest.mark.parametrize("name", ["age", "price", "sexagesimal", "embarked", "product", "ratio", "grace", "tenure", "class"])
def test_names_that_do_not(name):
    assert not reason(column(name))


def test_a_column_that_the_user_names():
    assert reason(column("x"), ["x"]) == "it was named as sensitive"


@pytest.mark.parametrize(
    ("look", "right", "wrong"),
    [
        ("card", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("iban", "DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 01"),
        ("ip", "192.168.0.1", "999.1.2.3"),
    ],
)
def test_values_with_a_checksum_count_only_where_it_is_right(look, right, wrong):
    assert reason(column("x", looks={look: 90}, samples={look: (right,) * 90}))
    assert not reason(column("x", looks={look: 90}, samples={look: (wrong,) * 90}))


def test_a_few_addresses_are_enough_and_a_few_numbers_are_not():
    assert reason(column("note", rows=10_000, present=10_000, looks={"email": 12}, samples={"email": ("a@b.cd",) * 12})) == (
        "some of its cells look like e-mail addresses"
    )
    assert not reason(column("note", looks={"phone": 12}, samples={"phone": ("+49 30 123456",) * 12}))
    assert not reason(column("note", looks={"email": 3}, samples={"email": ("a@b.cd",) * 3}))


def test_checksums():
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert not luhn("")
    assert iban("GB82WEST12345698765432")
    assert not iban("GB82WEST12345698765433")
    assert ip("::1")
