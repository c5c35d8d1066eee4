from . import test_channel
from . import test_client
from . import test_credentials
from . import test_delivery
from . import test_reconcile
from . import test_route_question
from . import test_security
from . import test_settings
