"""The bar code in the top of every test and demo picture (its format: tests/e2e/barcode.mjs).

No dependency: frames are rows of bytes, so that it runs wherever Python does.
"""

CELLS = 32
# The strip's share of the picture's height.
STRIP_NUMERATOR, STRIP_DENOMINATOR = 32, 360
# Luma of limited-range video.
BLACK, WHITE = 16, 235


def crc8(data):
    """CRC-8, polynomial 0x07, initial value 0xff: an all black strip is not a valid code."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def cells(camera, frame):
    """The 32 luma values of the strip, left to right."""
    data = bytes([camera, (frame >> 8) & 0xFF, frame & 0xFF])
    code = int.from_bytes(data + bytes([crc8(data)]), "big")
    return bytes(WHITE if code >> (CELLS - 1 - i) & 1 else BLACK for i in range(CELLS))


def read(luma, stride, width, height):
    """Camera and frame number out of rows of luma; None where there is no valid code."""
    code = 0
    for cell in range(CELLS):
        x = (2 * cell + 1) * width // (2 * CELLS)
        values = [luma[y * stride + x] for y in strip_rows(height)]
        value = sum(values) / len(values)
        if 75 < value < 175:
            return None
        code = code << 1 | (value >= 175)
    camera, high, low, crc = code.to_bytes(4, "big")
    return (camera, high << 8 | low) if crc8(bytes([camera, high, low])) == crc else None


def strip_rows(height):
    """Three rows in the middle of the strip."""
    middle = strip_height(height) // 2
    return range(middle - 1, middle + 2)


def strip_height(height):
    """Rows of the strip in a picture of that height; even, for 4:2:0."""
    return height * STRIP_NUMERATOR // STRIP_DENOMINATOR // 2 * 2


def strip_row(camera, frame, width):
    """One row of luma, `width` bytes."""
    values = cells(camera, frame)
    return bytes(values[x * CELLS // width] for x in range(width))
