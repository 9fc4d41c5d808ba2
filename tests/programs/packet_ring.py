"""An AF_PACKET socket with a receive ring: BLOCKS blocks of 2^ORDER pages, until stdin ends.

packet_ring.py ORDER BLOCKS
"""

import mmap
import socket
import struct
import sys

SOL_PACKET, PACKET_RX_RING = 263, 5  # include/uapi/linux/if_packet.h
FRAME = 2048

order, blocks = int(sys.argv[1]), int(sys.argv[2])
size = mmap.PAGESIZE << order
ring = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
request = struct.pack("IIII", size, blocks, FRAME, size // FRAME * blocks)  # struct tpacket_req
ring.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
print("ready", flush=True)
sys.stdin.read()
