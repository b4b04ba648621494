/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blinks an LED with a timer, on Ocre's interface: the same binary runs on Ocre.
 *
 *   thimble run blinky-c.wasm --board desk.toml --allow timer --allow gpio:led0 [COUNT [INTERVAL_MS]]
 *
 * It toggles `led0` COUNT times (10) every INTERVAL_MS milliseconds (500), says so, and ends. On a board
 * without that pin, or without the grant, it says so once and counts on.
 */
#include <ocre_api.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMER = 1 };
static const char LED[] = "led0";

static bool has_led;
static int blinks;

/* Runs each time the timer fires: ocre_process_events() calls it. */
static void blink(void)
{
    blinks++;
    if (has_led && ocre_gpio_toggle_by_name(LED) == 0)
        printf("blink %d: %s is %s\n", blinks, LED,
               ocre_gpio_get_by_name(LED) == OCRE_GPIO_PIN_SET ? "on" : "off");
    else
        printf("blink %d\n", blinks);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10;
    int interval_ms = argc > 2 ? atoi(argv[2]) : 500;

    has_led = ocre_gpio_init() == 0 && ocre_gpio_configure_by_name(LED, OCRE_GPIO_DIR_OUTPUT) == 0;
    if (!has_led)
        printf("no %s here: counting only\n", LED);

    /* Reserve a timer, say what to do when it fires, start it. */
    if (ocre_timer_create(TIMER) != 0 || ocre_register_timer_callback(TIMER, blink) != 0 ||
        ocre_timer_start(TIMER, interval_ms, true) != 0) {
        fprintf(stderr, "cannot start a timer: is it granted? (--allow timer)\n");
        return 1;
    }
    while (blinks < count)
        ocre_process_events();

    ocre_timer_delete(TIMER);
    puts("done");
    return 0;
}
