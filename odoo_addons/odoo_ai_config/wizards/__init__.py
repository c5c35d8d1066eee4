from . import hub_migration
from . import hub_route_question
