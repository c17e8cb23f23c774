# The images of v6-flower.
#
#     docker build -t v6-flower .                              the ready-made models: one program and its libraries, nothing else
#     docker build -t v6-flower-python --target python .       the base of images of Flower apps in Python
#
# A registry of one's own, or a base made by hand, takes a base's place with --build-arg BUILDER=… (Debian or Ubuntu with
# Swift 6.2 or later) and --build-arg PYTHON=… (Python 3.10 or later with pip). A tag can move: whoever publishes an image
# names the builder by digest too (--build-arg BUILDER=swift@sha256:…), so that the same source gives the same image. Where
# scripts/image-root has already run, an image with its folder as /image takes the place of the whole first stage with
# --build-arg ROOT=….
ARG BUILDER=swift:6.3-bookworm
# The index of all platforms of 3.12.14.
ARG PYTHON=python:3.12-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254
ARG ROOT=build

FROM ${BUILDER} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4-openssl-dev libpq-dev libsqlite3-dev libssl-dev libxgboost-dev libzstd-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN scripts/image-root /image

FROM ${ROOT} AS root

# The base of an app's image, whose Dockerfile is two lines: FROM this, COPY . /app. What the app needs is installed before the COPY,
# from its pyproject.toml alone, so that a change of its code installs nothing again.
FROM ${PYTHON} AS python
# An app that asks for another flwr, from 1.21 on, gets it.
ARG FLWR=1.42.0
ARG FLWR_DATASETS=0.6.1
RUN python3 -m pip install --no-cache-dir flwr==${FLWR} flwr-datasets==${FLWR_DATASETS}
COPY --from=root /image/python /opt/v6-flower
RUN python3 -m compileall -q /opt/v6-flower/v6-flower_V6Flower.resources
LABEL org.opencontainers.image.title="v6-flower-python" \
      org.opencontainers.image.description="Flower apps in Python as vantage6 algorithms" \
      org.opencontainers.image.source="https://github.com/v6-flower/v6-flower" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
ONBUILD COPY pyproject.toml /app/pyproject.toml
ONBUILD RUN PYTHONPATH=/opt/v6-flower/v6-flower_V6Flower.resources python3 -m v6_flower_worker.install /app
ENTRYPOINT ["/opt/v6-flower/lib/loader", "--library-path", "/opt/v6-flower/lib", "/opt/v6-flower/v6-flower", "app", "/app"]

# No USER: a node of vantage6 owns the output file as root. The program opens what it must, then becomes 65532:65532 for good
# before it reads a row of data.
FROM scratch
COPY --from=root /image/native /
LABEL org.opencontainers.image.title="v6-flower" \
      org.opencontainers.image.description="Flower's federated learning as a vantage6 algorithm" \
      org.opencontainers.image.source="https://github.com/v6-flower/v6-flower" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
ENTRYPOINT ["/v6-flower"]
