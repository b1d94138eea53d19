# The image of wayside, for the sidecar and for its init container: one static program, and nft for `wayside init`.
#
#   docker build -t wayside:0.1.0 .
#
# No shell, no package manager; all that is in it comes from scripts/image-root.
FROM rust:1.88-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN scripts/image-root /image

FROM scratch
COPY --from=build /image /
USER 2102:2102
EXPOSE 4140 4143 4191
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/bin/wayside", "doctor", "--ready"]
ENTRYPOINT ["/usr/bin/wayside"]
CMD ["run"]
