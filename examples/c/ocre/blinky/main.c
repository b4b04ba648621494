/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blinks an LED as the samples of Ocre's SDK do, for ever: a timer, a pin, printf. Linked with the SDK's flags
 * and nothing else, it has two pages of memory; `thimble build --pack` leaves it what it needs.
 *
 *   thimble run blinky-ocre.wasm --board desk.toml --allow timer --allow gpio:led0
 */
#include <ocre_api.h>
#include <stdio.h>

#define LED "led0"
#define TIMER 1
#define INTERVAL_MS 500

static int blinks;
static bool is_on;

static void blink(void)
{
    is_on = !is_on;
    blinks++;
    if (ocre_gpio_set_by_name(LED, is_on ? OCRE_GPIO_PIN_SET : OCRE_GPIO_PIN_RESET) != OCRE_SUCCESS)
        printf("Error: cannot set %s\n", LED);
    printf("blink %d: %s is %s\n", blinks, LED, is_on ? "on" : "off");
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("=== Blinky: %s every %d ms ===\n", LED, INTERVAL_MS);

    if (ocre_gpio_init() != OCRE_SUCCESS ||
        ocre_gpio_configure_by_name(LED, OCRE_GPIO_DIR_OUTPUT) != OCRE_SUCCESS) {
        printf("Error: there is no %s\n", LED);
        return -1;
    }
    if (ocre_timer_create(TIMER) != OCRE_SUCCESS ||
        ocre_register_timer_callback(TIMER, blink) != OCRE_SUCCESS ||
        ocre_timer_start(TIMER, INTERVAL_MS, true) != OCRE_SUCCESS) {
        printf("Error: cannot start timer %d\n", TIMER);
        return -1;
    }
    while (1)
        ocre_process_events();
}
