# One image for every party; the command picks which.
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

# Where torch comes from. With PyTorch's index of CPU-only builds the image is several GB smaller.
ARG TORCH_INDEX=

WORKDIR /leakdrill
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt \
    ${TORCH_INDEX:+--no-deps --index-url "$TORCH_INDEX"} torch torchvision

COPY pyproject.toml README.md LICENSE ./
COPY leakdrill leakdrill
COPY services services
RUN pip install --no-cache-dir --constraint constraints.txt --editable .
COPY compose.parties.yaml ./

# Volumes take the owner of the folder that they are mounted over.
RUN for party in cbig:10001 csmall:10002 adversary:10003; do \
        install -d -m 0700 -o "${party#*:}" -g "${party#*:}" "/home/${party%:*}"; \
    done
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
USER 10000:10000
CMD ["leakdrill", "--help"]
