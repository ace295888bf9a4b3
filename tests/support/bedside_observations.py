"""FHIR R4 Observations in the shapes that HL7 publishes as examples; every value is our own."""

from __future__ import annotations

from typing import Any

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
MDC, SNOMED = "urn:iso:std:iso:11073:10101", "http://snomed.info/sct"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
WHEN = "2026-11-21T11:59:59Z"


def code(number: str, system: str = LOINC, **more: Any) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": number, **more}]}


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def observation(number: str, **more: Any) -> dict[str, Any]:
    """A final one of a patient."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code(number),
        "subject": {"reference": "Patient/bed-4"},
        **more,
    }


ABSENT_REASON = code("not-performed", ABSENT)
STRIP = {
    "origin": {"value": 2048},
    "period": 10,
    "factor": 1.612,
    "lowerLimit": -3300,
    "upperLimit": 3300,
    "dimensions": 1,
    "data": "2041 2043 2037 E 2047 U L 2060.5 -1.5e1",
}
SHAPES: dict[str, dict[str, Any]] = {
    "heart rate": observation(
        "8867-4",
        id="hr-1",
        meta={"profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns"]},
        category=[
            code("vital-signs", "http://terminology.hl7.org/CodeSystem/observation-category")
        ],
        effectiveDateTime=WHEN,
        valueQuantity=quantity(61, "/min"),
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">61</div>'},
    ),
    "blood pressure panel": observation(
        "85354-9",
        identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:5f1c"}],
        effectiveDateTime=WHEN,
        performer=[{"reference": "Practitioner/7"}],
        interpretation=[code("L", INTERPRETATION, display="low")],
        bodySite=code("368209003", SNOMED),
        component=[
            {
                "code": {"coding": [*code("8480-6")["coding"], *code("150021", MDC)["coding"]]},
                "valueQuantity": quantity(104, "mm[Hg]"),
                "interpretation": [code("N", INTERPRETATION)],
            },
            {"code": code("8462-4"), "valueQuantity": quantity(58, "mm[Hg]")},
        ],
    ),
    "blood pressure without diastole": observation(
        "85354-9",
        effectiveDateTime="2026-11-21",
        component=[
            {"code": code("8480-6"), "valueQuantity": quantity(104, "mm[Hg]")},
            {"code": code("8462-4"), "dataAbsentReason": ABSENT_REASON},
        ],
    ),
    "panel of members": observation(
        "85353-1",
        effectiveDateTime="2026-11",
        hasMember=[{"reference": "Observation/a"}, {"reference": "Observation/b"}],
    ),
    "ECG strip": observation(
        "131328",
        code=code("131328", MDC),
        effectiveInstant="2026-11-21T11:59:59.125-07:00",
        device={"display": "12 lead ECG"},
        component=[{"code": code("131389", MDC), "valueSampledData": STRIP}],
    ),
    "sampled pulse": observation("59408-5", valueSampledData=STRIP, effectiveDateTime=WHEN),
    "absent": observation("8867-4", effectiveDateTime=WHEN, dataAbsentReason=ABSENT_REASON),
    "without a time": observation("8302-2", valueQuantity=quantity(1.71, "m")),
    "period": observation(
        "3151-8",
        effectivePeriod={"start": "2026-11-21T08:00:00Z", "end": WHEN},
        valueQuantity=quantity(2.00, "L/min"),
    ),
    "timing": observation(
        "8867-4",
        effectiveTiming={"repeat": {"frequency": 1, "period": 4, "periodUnit": "h"}},
        valueQuantity=quantity(61, "/min"),
    ),
    "device code alone": observation(
        "x",
        code=code("147842", MDC, display="MDC_ECG_HEART_RATE"),
        valueQuantity=quantity(61, "/min"),
    ),
    "code as text": observation("x", code={"text": "Pain"}, valueInteger=4),
    "Glasgow coma scale": observation(
        "9269-2",
        effectiveDateTime=WHEN,
        valueQuantity={"value": 13, "system": UCUM, "code": "{score}"},
        component=[
            {
                "code": code("9268-4"),
                "valueCodeableConcept": {
                    "coding": [
                        {
                            "extension": [{"url": "http://example.org/score", "valueDecimal": 6.0}],
                            "system": LOINC,
                            "code": "LA6567-9",
                        }
                    ]
                },
            }
        ],
        derivedFrom=[{"reference": "QuestionnaireResponse/3"}],
    ),
    "blood group": observation("883-9", valueCodeableConcept=code("112144000", SNOMED)),
    "text": observation("8661-1", valueString="cannot sleep"),
    "yes": observation("x", code={"text": "Awake"}, valueBoolean=True),
    "range": observation("3150-6", valueRange={"low": quantity(4, "L/min"), "high": {"value": 6}}),
    "ratio": observation(
        "19994-3", valueRatio={"numerator": {"value": 1}, "denominator": {"value": 40}}
    ),
    "time of day": observation("32446-7", valueTime="06:30:00"),
    "day": observation("21112-8", valueDateTime="1980-02"),
    "period as value": observation("9187-6", valuePeriod={"start": "2026-11-20"}),
    "glucose with reference range": observation(
        "15074-8",
        issued="2026-11-21T12:01:02.5+01:00",
        valueQuantity=quantity(6.30, "mmol/L") | {"comparator": ">="},
        referenceRange=[
            {"low": quantity(3.1, "mmol/L"), "text": "adults", "age": {"low": {"value": 18}}}
        ],
        note=[{"time": WHEN, "authorString": "lab", "text": "fasting"}],
    ),
    "amended": observation(
        "8310-5", id="t-1", status="amended", valueQuantity=quantity(36.6, "Cel")
    ),
    "entered in error": observation("8310-5", id="t-1", status="entered-in-error"),
    "primitive with extensions": observation(
        "8867-4",
        valueQuantity=quantity(61, "/min"),
        _status={"extension": [{"url": "http://example.org/by", "valueString": "monitor"}]},
        modifierExtension=[{"url": "http://example.org/m", "valueBoolean": False}],
        contained=[{"resourceType": "Device", "id": "d"}],
    ),
}

BROKEN: dict[str, dict[str, Any]] = {
    "no status": {k: v for k, v in SHAPES["heart rate"].items() if k != "status"},
    "no code": {k: v for k, v in SHAPES["heart rate"].items() if k != "code"},
    "another resource": SHAPES["heart rate"] | {"resourceType": "Patient"},
    "an unknown status": SHAPES["heart rate"] | {"status": "done"},
    "two values": SHAPES["heart rate"] | {"valueString": "61"},
    "two times": SHAPES["heart rate"] | {"effectiveInstant": WHEN},
    "obs-6": SHAPES["heart rate"] | {"dataAbsentReason": ABSENT_REASON},
    "obs-7": observation(
        "85354-9",
        valueQuantity=quantity(1, "1"),
        component=[{"code": code("85354-9"), "valueString": "x"}],
    ),
    "two values in a component": observation(
        "85354-9", component=[{"code": code("8480-6"), "valueString": "x", "valueInteger": 1}]
    ),
    "a component without a code": observation("85354-9", component=[{"valueInteger": 1}]),
    "a value as text": observation("8867-4", valueQuantity={"value": "61"}),
    "an unknown element": observation("8867-4", valueMood="good"),
    "an empty list": observation("8867-4", component=[]),
    "a null": observation("8867-4", valueString=None),
    "a time without a zone": observation("8867-4", effectiveDateTime="2026-11-21T11:59:59"),
    "samples that are none": observation("8867-4", valueSampledData=STRIP | {"data": "1 2 x"}),
    "a strip without a period": observation(
        "8867-4", valueSampledData={k: v for k, v in STRIP.items() if k != "period"}
    ),
}
