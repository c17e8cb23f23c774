# The image of v6-flower: one program and the libraries it loads, nothing else.
#
#     docker build -t v6-flower .
#
# A registry of one's own, or a base made by hand, takes the builder's place with --build-arg BUILDER=…: Debian or Ubuntu with
# Swift 6.2 or later. Where scripts/image-root has already run, an image with its folder as /image takes the place of the whole
# first stage with --build-arg ROOT=….
ARG BUILDER=swift:6.3-bookworm
ARG ROOT=build

FROM ${BUILDER} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4-openssl-dev libsqlite3-dev libzstd-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN scripts/image-root /image

FROM ${ROOT} AS root

# No USER: a node of vantage6 owns the output file as root. The program opens what it must, then becomes 65532:65532 for good
# before it reads a row of data.
FROM scratch
COPY --from=root /image /
LABEL org.opencontainers.image.title="v6-flower" \
      org.opencontainers.image.description="Flower's federated learning as a vantage6 algorithm" \
      org.opencontainers.image.source="https://github.com/v6-flower/v6-flower" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
ENTRYPOINT ["/v6-flower"]
