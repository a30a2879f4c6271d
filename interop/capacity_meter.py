"""The meter whose capacities are read (`capacity_server`, an example of crates/meter), as a process that lives on by command."""

import json
import subprocess
from datetime import datetime, timedelta, timezone

CLIENT = {"client": 1, "authentication": "lls", "password": "12345678"}
# Registers begin again behind 999 999 999 Wh.
MODULUS = 1_000_000_000


class Server:
    """The filled meter as a process."""

    def __init__(self, program, size, days):
        self.process = subprocess.Popen(
            [program, size, str(days)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        said = json.loads(self.process.stdout.readline())
        host, port = said["wrapper"].rsplit(":", 1)
        self.wrapper = (host, int(port))
        self.start = datetime.fromtimestamp(said["start"], timezone.utc)
        self.rows = said["rows"]
        self.depths = said["depths"]
        self.quarter = timedelta(seconds=said["quarter_s"])
        self.watt_hours = said["wh_a_quarter"]

    def command(self, what, count):
        """Lets the meter live on; answers when, on its clock, that began and ended."""
        self.process.stdin.write(f"{what} {count}\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        return [datetime.fromtimestamp(said[end], timezone.utc) for end in ("from", "to")]

    def moment(self, number):
        """The end of a quarter hour."""
        return self.start + number * self.quarter

    def stop(self):
        """Ends the process by the end of its input."""
        self.process.stdin.close()
        self.process.wait(10)


def stamp(moment):
    """A moment as the meter writes it, which lives in UTC without daylight saving."""
    return moment.year.to_bytes(2, "big") + bytes(
        [moment.month, moment.day, moment.isoweekday(), moment.hour, moment.minute, moment.second, 0, 0, 0, 0]
    )
