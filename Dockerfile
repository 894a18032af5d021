# The lab as one program, with its page built in. For GPUs: --build-arg FEATURES=wgpu,vulkan, and on an NVIDIA machine
# its container toolkit with --gpus all, which brings the driver that is asked for below.
FROM rust:1.95-bookworm AS build
ARG FEATURES=""
WORKDIR /src
COPY . .
RUN cargo xtask page \
    && cargo build --release --locked --package rrlab --features "$FEATURES" \
    && cp target/release/rrlab /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libvulkan1 mesa-vulkan-drivers \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 999 --create-home --home-dir /data rrlab
COPY --from=build /usr/local/bin/rrlab /usr/local/bin/
USER rrlab
ENV RRLAB_DATA_DIR=/data RRLAB_HOST=0.0.0.0 RRLAB_HOSTED=true RRLAB_LOG_FORMAT=json \
    NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility
VOLUME /data
EXPOSE 7878
ENTRYPOINT ["rrlab"]
CMD ["serve"]
