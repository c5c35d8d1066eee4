from . import hub_migration
from . import hub_question_mixin
from . import hub_route_question
from . import hub_channel_trial
from . import hub_look
