"""Tasks of the console, found by procrastinate because this module is called `tasks`."""

from procrastinate.contrib.django import app

from qunzhu.console import jobs


@app.task(name="console.run_job", queue="console")
def run_job(job_id: int) -> None:
    """Run one job of the console to its end."""
    jobs.do_run(job_id)
