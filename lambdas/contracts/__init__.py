"""What each function and service is told by its environment, and whom it calls: one dataclass each.

The construct writes it (`to_env`), the code reads it (`from_env`): names, types and defaults stand once.
Standard library only, and nothing of the code that reads it.
"""

from lifeline.lambdas.contracts.contract import (
    AwsCall,
    Contract,
    HostCall,
    RegionRole,
    overridable,
    set_by_aws,
    variable,
)

__all__ = ["AwsCall", "Contract", "HostCall", "RegionRole", "overridable", "set_by_aws", "variable"]
