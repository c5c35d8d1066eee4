from . import hub_route_question
