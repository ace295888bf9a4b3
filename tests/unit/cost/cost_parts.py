"""A small assembly, and products in the shape of AWS's price list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore

PRICING = Path(botocore.__file__).parent / "data" / "pricing" / "2017-10-15" / "examples-1.json"


def documented() -> dict[str, Any]:
    """The answer of GetProducts that AWS documents: a volume's price in Canada (Central)."""
    example = json.loads(PRICING.read_text())["examples"]["GetProducts"][0]
    answer: dict[str, Any] = example["output"]
    return answer


def product(service: str, usage_type: str, usd: str, **attributes: str) -> str:
    """A product as the documented one is, with other words and another price."""
    made = json.loads(documented()["PriceList"][0])
    made["serviceCode"] = service
    made["product"]["attributes"] = {
        "servicecode": service,
        "usagetype": usage_type,
        "regionCode": "ca-central-1",
        **attributes,
    }
    (term,) = made["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    dimension["pricePerUnit"] = {"USD": usd}
    return json.dumps(made)


def price_list(folder: Path, *products: str) -> Path:
    """A file with an answer of GetProducts."""
    path = folder / "prices.json"
    path.write_text(json.dumps({**documented(), "PriceList": list(products)}))
    return path


def assembly(folder: Path, resources: dict[str, Any], region: str = "ca-central-1") -> Path:
    """An assembly with one stack."""
    folder.mkdir(exist_ok=True)
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://unknown-account/{region}",
        "properties": {"stackName": "made", "templateFile": "made.template.json"},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"made": artifact}}))
    (folder / "made.template.json").write_text(json.dumps({"Resources": resources}))
    return folder
