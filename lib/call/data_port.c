/* data_port.c - see data_port.h. A record in a ring is its size in 32 bits, then the packet; both are
 * published as one, so a reader sees whole records only.
 * SPDX-License-Identifier: MIT */
#include "call/data_port.h"

struct xc_data_port *xc_data_port_create(struct xc_arena *arena)
{
    struct xc_byte_ring probe;
    struct xc_data_port *port = xc_arena_take(arena, sizeof *port);
    bool ok =
        xc_byte_ring_init_untouched(port ? &port->to_data : &probe, arena, XC_DATA_PORT_BYTES) &&
        xc_byte_ring_init_untouched(port ? &port->from_data : &probe, arena, XC_DATA_PORT_BYTES);
    return ok ? port : NULL;
}

static bool put(struct xc_byte_ring *ring, struct xc_span packet)
{
    uint32_t size = (uint32_t)packet.size;
    return xc_byte_ring_write2(ring, &size, sizeof size, packet.data, size);
}

/* Both producers check the size, so that a record always fits. */
static size_t take(struct xc_byte_ring *ring, uint8_t *packet, size_t capacity)
{
    uint32_t size;
    if (!xc_byte_ring_read(ring, &size, sizeof size))
        return 0;
    xc_assert(size <= capacity);
    (void)capacity;
    xc_byte_ring_read(ring, packet, size);
    return size;
}

static bool fits(struct xc_span packet, size_t most)
{
    return packet.size > 0 && packet.size <= most;
}

/* --- shard --- */

void xc_data_port_open(struct xc_data_port *port, const struct xc_data_transport *transport)
{
    if (atomic_load_explicit(&port->state, memory_order_relaxed) != XC_DATA_CLOSED)
        return;
    port->transport = *transport;
    atomic_store_explicit(&port->state, XC_DATA_OPEN, memory_order_seq_cst);
    port->told = true;
}

bool xc_data_port_is_open(const struct xc_data_port *port)
{
    return port && atomic_load_explicit(&port->state, memory_order_relaxed) == XC_DATA_OPEN;
}

void xc_data_port_end(struct xc_data_port *port)
{
    if (!port || atomic_load_explicit(&port->state, memory_order_relaxed) == XC_DATA_ENDED)
        return;
    atomic_store_explicit(&port->state, XC_DATA_ENDED, memory_order_seq_cst);
    port->told = true;
}

void xc_data_port_input(struct xc_data_port *port, struct xc_span packet)
{
    if (!xc_data_port_is_open(port) || !fits(packet, XC_DATA_RECEIVE_MAX) ||
        !put(&port->to_data, packet)) {
        port->packets_dropped++;
        return;
    }
    port->told = true;
}

void xc_data_port_turn(struct xc_data_port *port)
{
    if (port)
        port->burst = XC_DATA_BURST_MAX;
}

size_t xc_data_port_output(struct xc_data_port *port, uint8_t packet[XC_DTLS_RECORD_MAX])
{
    if (!port->burst || !xc_data_port_is_open(port))
        return 0;
    size_t size = take(&port->from_data, packet, XC_DTLS_RECORD_MAX);
    port->burst -= size > 0;
    return size;
}

bool xc_data_port_pending(const struct xc_data_port *port)
{
    return xc_data_port_is_open(port) && xc_byte_ring_level(&port->from_data) > 0;
}

bool xc_data_port_take_work(struct xc_data_port *port)
{
    bool told = port && port->told;
    if (told)
        port->told = false;
    return told;
}

/* --- data thread --- */

uint32_t xc_data_port_state(const struct xc_data_port *port)
{
    return atomic_load_explicit(&port->state, memory_order_seq_cst);
}

size_t xc_data_port_receive(struct xc_data_port *port, uint8_t packet[XC_DATA_RECEIVE_MAX])
{
    return take(&port->to_data, packet, XC_DATA_RECEIVE_MAX);
}

bool xc_data_port_send(struct xc_data_port *port, struct xc_span packet)
{
    return fits(packet, XC_DTLS_RECORD_MAX) && put(&port->from_data, packet);
}
