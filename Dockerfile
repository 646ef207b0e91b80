# MMLangSeg, for the CPU by default. It has not been built where it was written.
#   docker build -t mmlangseg .
#   docker build -t mmlangseg --build-arg TORCH="torch==2.13.0" \
#       --build-arg SPCONV="spconv-cu126==2.3.8" .
# With TORCH the build of pip is taken, which is that of CUDA on Linux.
FROM python:3.11-slim
ARG TORCH=""
ARG SPCONV=""
RUN apt-get update \
    && apt-get install -y --no-install-recommends bash libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /mmlangseg
COPY . .
RUN tools/make_env.sh \
    && if [ -n "$TORCH" ]; then .venv/bin/pip install --force-reinstall $TORCH; fi \
    && if [ -n "$SPCONV" ]; then \
        .venv/bin/pip uninstall -y spconv cumm \
        && .venv/bin/pip install "$SPCONV"; fi
ENV PATH="/mmlangseg/.venv/bin:$PATH"
CMD ["bash"]
