"""What AWS refuses of a deployment, told before the emulator forgives it.

    for refusal in judge(template, "ca-west-1", before=deployed):
        print(refusal)

`table` holds the rows, one file a group of services; `registry` reads CloudFormation's own schemas.
"""

from lab.refusals.judgement import judge
from lab.refusals.row import Known, On, Refusal, Row
from lab.refusals.situation import Surroundings
from lab.refusals.table import ROWS

__all__ = ["ROWS", "Known", "On", "Refusal", "Row", "Surroundings", "judge"]
