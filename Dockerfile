# One image for every process; docker-compose.yml says which command each container runs.
FROM python:3.13-slim AS packages
COPY requirements/run.txt /tmp/run.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /tmp/run.txt

FROM python:3.13-slim
RUN useradd --create-home --uid 1000 countersign && install -d -o countersign /state
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
RUN python -m compileall -q approvals config marketdata strategies trading
USER countersign
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 STATE_DIR=/state HOST=0.0.0.0 LOG_FORMAT=json
VOLUME /state
EXPOSE 8000
# Without compose: everything in one container, as `make run` does it.
CMD ["python", "manage.py", "up"]
