# The hub as an image: `hub run /etc/hub` as a user without rights, on a root file system that may be read-only.
#
#   docker build -t integration-hub .                                       on Docker's official Python
#   docker build -t integration-hub --build-arg BASE=debian:bookworm-slim . on any Debian with Python 3.11 or newer
#
# Mount a deployment's directory at /etc/hub. Kafka: HUB_KAFKA__BOOTSTRAP_SERVERS and its siblings. Webhooks arrive at
# port 8080. The admin API, which can pause and stop units, listens inside the container only, on port 8081, unless
# HUB_ADMIN__HOST says otherwise.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS python
# Official Python images have it; a bare Debian gets its own.
# hadolint ignore=DL3008
RUN if ! command -v python3 >/dev/null; then \
      apt-get update && \
      apt-get install --yes --no-install-recommends python3 python3-venv && \
      rm -rf /var/lib/apt/lists/*; \
    fi

FROM python AS build
# A file with the authority of a proxy that stands between the build and the package index, where there is one.
ARG PIP_CERT=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.txt .
RUN python3 -m venv /opt/hub && \
    /opt/hub/bin/pip install --only-binary :all: --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY hub hub
COPY connectors connectors
COPY schemas/github schemas/github
RUN /opt/hub/bin/pip install --no-deps --no-build-isolation .

FROM python AS hub
# Nothing is written next to the code, and the home directory is one that a tmpfs can stand for.
ENV PATH=/opt/hub/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    HUB_INGRESS__HOST=0.0.0.0 HUB_INGRESS__PORT=8080 HUB_ADMIN__HOST=127.0.0.1 HUB_ADMIN__PORT=8081 \
    HEALTH_PATH=/healthz
COPY --from=build /opt/hub /opt/hub
WORKDIR /etc/hub
USER 10001:10001
EXPOSE 8080
# Alive, not ready: a unit whose far side is down waits and is healthy. HEALTH_PATH=/readyz asks whether it is at work.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import http.client, os, sys; hub = http.client.HTTPConnection('127.0.0.1', int(os.environ['HUB_ADMIN__PORT']), timeout=4); hub.request('GET', os.environ['HEALTH_PATH']); sys.exit(hub.getresponse().status != 200)"]
ENTRYPOINT ["hub"]
CMD ["run", "/etc/hub"]

# The demo's driver, which plays GitHub, the chat and the audience for a hub that runs in other containers.
FROM hub AS demo
WORKDIR /srv
COPY schemas/examples schemas/examples
COPY demo demo
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "demo"]
CMD ["--attach"]

# What `docker build` makes when no target is named.
FROM hub
