"""Makes a community from its blueprint, with a short simulated past and company; prints what tests need."""

import json
import sys
from datetime import timedelta

from qunzhu.kernel.bootstrap import setup_django

PEOPLE, DAYS, SEED, COMPANY = 60, 8, 433, 4
PASSWORD = "browser-test-1"


def main() -> None:
    setup_django()
    from django.contrib.auth import get_user_model

    from qunzhu.config.init import init_community, load_checked
    from qunzhu.config.simulate import join_speakers, simulate_month
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.simulation.people import population

    now = SYSTEM_CLOCK.now()
    created = init_community(loaded=load_checked("workplace-knowledge"), now=now - timedelta(minutes=5))
    user = get_user_model().objects.get(username="owner")
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    people = population(SEED, PEOPLE, DAYS)
    simulate_month(community=created.community, people=people, days=DAYS, seed=SEED, now=now)
    speakers = join_speakers(community=created.community, people=population(SEED + 1, COMPANY), now=now)
    told = {
        "slug": created.community.slug,
        "group": created.groups[0].pk,
        "code": created.rooms[0].join_code,
        "tokens": [speaker.cookie for speaker in speakers],
        "password": PASSWORD,
    }
    sys.stdout.write("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
