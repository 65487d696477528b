/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboard controller, PS/2 keyboard and mouse: each rule of the technical reference a test; time
 * is moved by the test. */
#include "hw/input/i8042.h"

#define MS SCALE_MS

static I8042Core s;
static int64_t now;

static void step(int64_t ns)
{
    now += ns;
    i8042_core_advance(&s, now);
}

static void start(void)
{
    now = 1000 * MS;
    memset(&s, 0, sizeof(s));
    i8042_core_reset(&s);
    step(0);
}

static void cmd(uint8_t val)
{
    i8042_core_write_command(&s, val);
    step(0);
}

static void data(uint8_t val)
{
    i8042_core_write_data(&s, val);
    step(0);
}

static void aux(uint8_t val)
{
    cmd(0xd4);
    data(val);
}

/* The next byte; -1: none waits. */
static int get(void)
{
    int val = i8042_core_read_status(&s) & KBC_STAT_OBF ? i8042_core_read_data(&s) : -1;

    step(0);
    return val;
}

static void mode(uint8_t val)
{
    cmd(0x60);
    data(val);
}

static void key(QKeyCode k, bool down)
{
    ps2_kbd_key(&s.kbd, k, down, now);
    step(0);
}

/* Bytes as text "1c f0 1c", until there are none. */
static void expect(const char *text)
{
    g_autoptr(GString) got = g_string_new(NULL);
    int val;

    while ((val = get()) >= 0) {
        g_string_append_printf(got, "%s%02x", got->len ? " " : "", val);
    }
    g_assert_cmpstr(got->str, ==, text);
}

/* --- controller --- */

static void status_after_reset(void)
{
    start();
    g_assert_cmphex(i8042_core_read_status(&s), ==, KBC_STAT_CMD | KBC_STAT_UNLOCK);
}

static void self_test_answers_55_and_sets_sys(void)
{
    start();
    cmd(0xaa);
    g_assert_cmphex(i8042_core_read_status(&s) & KBC_STAT_SYS, ==, KBC_STAT_SYS);
    expect("55");
    cmd(0x20);
    g_assert_cmphex(get() & 0x30, ==, 0x30); /* both devices are off */
}

static void interface_tests_answer_0(void)
{
    start();
    cmd(0xab);
    expect("00");
    cmd(0xa9);
    expect("00");
}

static void status_tells_command_from_data(void)
{
    start();
    data(0xee);
    g_assert_cmphex(i8042_core_read_status(&s) & KBC_STAT_CMD, ==, 0);
    cmd(0xae);
    g_assert_cmphex(i8042_core_read_status(&s) & KBC_STAT_CMD, ==, KBC_STAT_CMD);
}

static void command_byte_reads_back(void)
{
    start();
    mode(0x45);
    cmd(0x20);
    expect("45");
    g_assert_cmphex(i8042_core_read_status(&s) & KBC_STAT_SYS, ==, KBC_STAT_SYS);
    mode(0x41);
    g_assert_cmphex(i8042_core_read_status(&s) & KBC_STAT_SYS, ==, 0);
}

static void ram_reads_back(void)
{
    start();
    cmd(0x7f);
    data(0x5a);
    cmd(0x3f);
    expect("5a");
}

static void disabled_keyboard_waits(void)
{
    start();
    cmd(0xad);
    key(Q_KEY_CODE_A, true);
    expect("");
    cmd(0xae);
    expect("1c");
}

static void data_to_keyboard_enables_it(void)
{
    start();
    cmd(0xad);
    data(0xee);
    expect("ee");
    cmd(0x20);
    g_assert_cmphex(get() & KBC_MODE_KBD_OFF, ==, 0);
}

static void disabled_mouse_waits(void)
{
    start();
    aux(0xf4);
    expect("fa");
    cmd(0xa7);
    ps2_mouse_move(&s.mouse, 1, 0, 0);
    step(0);
    expect("");
    cmd(0xa8);
    expect("08 01 00");
}

static void status_marks_the_mouses_byte(void)
{
    start();
    aux(0xf2);
    g_assert_cmphex(i8042_core_read_status(&s) & 0x21, ==, 0x21);
    g_assert_cmphex(get(), ==, 0xfa);
    g_assert_cmphex(get(), ==, 0x00);
    data(0xee);
    g_assert_cmphex(i8042_core_read_status(&s) & 0x21, ==, 0x01);
}

static void interrupts_as_the_command_byte_says(void)
{
    start();
    mode(KBC_MODE_KBD_INT);
    data(0xee);
    g_assert_true(i8042_core_kbd_irq(&s));
    g_assert_false(i8042_core_aux_irq(&s));
    get();
    g_assert_false(i8042_core_kbd_irq(&s));
    aux(0xe6);
    g_assert_false(i8042_core_aux_irq(&s));
    mode(KBC_MODE_AUX_INT);
    g_assert_true(i8042_core_aux_irq(&s));
    g_assert_false(i8042_core_kbd_irq(&s));
}

static void answers_go_before_devices_and_lose_nothing(void)
{
    start();
    key(Q_KEY_CODE_A, true);
    cmd(0x20);
    g_assert_cmphex(get(), ==, 0x03);
    expect("1c");
}

static void buffers_can_be_written(void)
{
    start();
    cmd(0xd2);
    data(0x42);
    g_assert_cmphex(i8042_core_read_status(&s) & 0x21, ==, 0x01);
    expect("42");
    cmd(0xd3);
    data(0x43);
    g_assert_cmphex(i8042_core_read_status(&s) & 0x21, ==, 0x21);
    expect("43");
}

static void output_port_has_a20_and_reset(void)
{
    start();
    cmd(0xd0);
    g_assert_cmphex(get() & 3, ==, 3);
    cmd(0xd1);
    data(0xdd);
    cmd(0xd0);
    g_assert_cmphex(get() & 3, ==, 1);
    cmd(0xdf);
    cmd(0xd0);
    g_assert_cmphex(get() & 3, ==, 3);
    cmd(0xdd);
    cmd(0xd0);
    g_assert_cmphex(get() & 3, ==, 1);
    g_assert_false(s.reset_request);
    cmd(0xd1);
    data(0xfe);
    g_assert_true(s.reset_request);
}

static void output_port_shows_interrupts(void)
{
    start();
    key(Q_KEY_CODE_A, true);
    cmd(0xd0);
    g_assert_cmphex(get() & 0x30, ==, 0x10);
    get();
    cmd(0xd0);
    g_assert_cmphex(get() & 0x30, ==, 0);
}

static void pulse_of_line_0_resets(void)
{
    start();
    cmd(0xff);
    cmd(0xf1);
    g_assert_false(s.reset_request);
    cmd(0xfe);
    g_assert_true(s.reset_request);
}

static void no_password(void)
{
    start();
    cmd(0xa4);
    expect("f1");
}

static void a_new_command_forgets_the_parameter(void)
{
    start();
    cmd(0x60);
    cmd(0xae);
    data(0xee); /* to the keyboard */
    expect("ee");
    cmd(0x20);
    expect("03");
}

static void read_of_empty_buffer_repeats_last_byte(void)
{
    start();
    data(0xee);
    g_assert_cmphex(i8042_core_read_data(&s), ==, 0xee);
    step(0);
    g_assert_cmphex(i8042_core_read_data(&s), ==, 0xee);
}

/* --- keyboard --- */

static void reset_answers_fa_aa(void)
{
    start();
    data(0xff);
    expect("fa aa");
}

static void echo_answers_ee(void)
{
    start();
    data(0xee);
    expect("ee");
}

static void identifies_as_ab_83(void)
{
    start();
    data(0xf2);
    expect("fa ab 83");
}

static void unknown_command_asks_for_resend(void)
{
    start();
    data(0xf1);
    expect("fe");
    data(0xef);
    expect("fe");
}

static void resend_gives_the_last_byte(void)
{
    start();
    key(Q_KEY_CODE_A, true);
    expect("1c");
    data(0xfe);
    expect("1c");
}

static void leds_are_set(void)
{
    start();
    data(0xed);
    expect("fa");
    data(0x05);
    expect("fa");
    g_assert_cmphex(s.kbd.leds, ==, PS2_LED_CAPS | PS2_LED_SCROLL);
    data(0xed);
    expect("fa");
    data(0xf4); /* a command instead */
    expect("fa");
    g_assert_cmphex(s.kbd.leds, ==, PS2_LED_CAPS | PS2_LED_SCROLL);
}

static void set_2_make_and_break(void)
{
    start();
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_A, false);
    expect("1c f0 1c");
    key(Q_KEY_CODE_CTRL_R, true);
    key(Q_KEY_CODE_CTRL_R, false);
    expect("e0 14 e0 f0 14");
}

static void translation_makes_set_1(void)
{
    start();
    mode(KBC_MODE_KBD_INT | KBC_MODE_XLATE);
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_A, false);
    expect("1e 9e");
    key(Q_KEY_CODE_UP, true);
    key(Q_KEY_CODE_UP, false);
    expect("e0 48 e0 c8");
    key(Q_KEY_CODE_F7, true);
    key(Q_KEY_CODE_F7, false);
    expect("41 c1");
    data(0xf2); /* the second byte of the identity is a scan code to the translation */
    expect("fa ab 41");
}

static void own_set_1_is_the_same(void)
{
    start();
    data(0xf0);
    expect("fa");
    data(0x01);
    expect("fa");
    for (int k = Q_KEY_CODE_UNMAPPED + 1; k < Q_KEY_CODE__MAX; k++) {
        uint8_t set1[8], set2[8], translated[8];
        unsigned n, n1, n2;

        for (int down = 1; down >= 0; down--) {
            uint8_t release = 0;

            n1 = ps2_key_codes(k, 1, down, false, false, set1);
            n2 = ps2_key_codes(k, 2, down, false, false, set2);
            n = 0;
            for (unsigned i = 0; i < n2; i++) {
                if (set2[i] == 0xf0) {
                    release = 0x80;
                    continue;
                }
                translated[n++] = ps2_set2_to_set1(set2[i]) | release;
                release = 0;
            }
            /* Print Screen gives its shift back last in set 1, too. */
            g_assert_cmpmem(set1, n1, translated, n);
        }
    }
}

static void set_3_by_kinds_of_keys(void)
{
    start();
    data(0xf0);
    expect("fa");
    data(0x03);
    expect("fa");
    data(0xf0);
    expect("fa");
    data(0x00);
    expect("fa 03");
    key(Q_KEY_CODE_A, true); /* typematic: says nothing of its release */
    key(Q_KEY_CODE_A, false);
    expect("1c");
    key(Q_KEY_CODE_SHIFT, true);
    key(Q_KEY_CODE_SHIFT, false);
    expect("12 f0 12");
    key(Q_KEY_CODE_F1, true);
    step(5000 * MS);
    key(Q_KEY_CODE_F1, false);
    expect("07");
    data(0xf8); /* all make and break */
    expect("fa");
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_A, false);
    expect("1c f0 1c");
    data(0xfd); /* this key make only */
    expect("fa");
    data(0x1c);
    expect("fa");
    data(0xf4);
    expect("fa");
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_A, false);
    key(Q_KEY_CODE_B, true);
    key(Q_KEY_CODE_B, false);
    expect("1c 32 f0 32");
}

static void pause_and_print(void)
{
    start();
    key(Q_KEY_CODE_PAUSE, true);
    key(Q_KEY_CODE_PAUSE, false);
    expect("e1 14 77 e1 f0 14 f0 77");
    key(Q_KEY_CODE_PRINT, true);
    key(Q_KEY_CODE_PRINT, false);
    expect("e0 12 e0 7c e0 f0 7c e0 f0 12");
    key(Q_KEY_CODE_ALT, true);
    expect("11");
    key(Q_KEY_CODE_PRINT, true);
    expect("84");
}

static void disabled_keyboard_scans_nothing(void)
{
    start();
    data(0xf5);
    expect("fa");
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_A, false);
    expect("");
    data(0xf4);
    key(Q_KEY_CODE_A, true);
    expect("fa 1c");
}

static void key_repeats_after_delay_at_rate(void)
{
    int count = 0;

    start();
    data(0xf3);
    expect("fa");
    data(0x20); /* 500 ms, 30 a second */
    expect("fa");
    key(Q_KEY_CODE_A, true);
    expect("1c");
    step(500 * MS - 1);
    expect("");
    step(1);
    expect("1c");
    for (int ms = 0; ms < 1000; ms++) {
        step(MS);
        count += get() == 0x1c;
    }
    g_assert_cmpint(count, ==, 30);
    key(Q_KEY_CODE_A, false);
    expect("f0 1c");
    step(2000 * MS);
    expect("");
    g_assert_cmpint(i8042_core_next_event(&s), ==, -1);
}

static void last_pressed_repeats(void)
{
    start();
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_B, true);
    while (get() >= 0) {
    }
    step(500 * MS);
    expect("32");
    key(Q_KEY_CODE_A, false); /* the other one goes on */
    expect("f0 1c");
    step(500 * MS);
    expect("32");
}

static void host_repetition_is_ignored(void)
{
    start();
    key(Q_KEY_CODE_A, true);
    key(Q_KEY_CODE_A, true);
    expect("1c");
}

static void typematic_table(void)
{
    g_assert_cmpint(ps2_typematic_delay(0x00), ==, 250 * MS);
    g_assert_cmpint(ps2_typematic_delay(0x60), ==, 1000 * MS);
    g_assert_cmpint(ps2_typematic_period(0x00) / 1000, ==, 33333);  /* 30 a second */
    g_assert_cmpint(ps2_typematic_period(0x1f) / 1000, ==, 500000); /* 2 a second */
    g_assert_cmpint(ps2_typematic_period(0x0b) / 1000, ==, 91666);  /* 10.9 a second */
}

static void full_buffer_ends_in_overrun(void)
{
    int val, n = 0, last = -1;

    start();
    cmd(0xad);
    for (int k = 0; k < 20; k++) {
        key(Q_KEY_CODE_A, true);
        key(Q_KEY_CODE_A, false);
    }
    cmd(0xae);
    while ((val = get()) >= 0) {
        last = val;
        n++;
    }
    g_assert_cmpint(n, <=, 16);
    g_assert_cmphex(last, ==, 0x00);
    key(Q_KEY_CODE_B, true);
    expect("32");
}

static void replies_have_room_in_a_full_buffer(void)
{
    start();
    cmd(0xad);
    for (int k = 0; k < 20; k++) {
        key(Q_KEY_CODE_A, true);
        key(Q_KEY_CODE_A, false);
    }
    data(0xf2);
    g_assert_cmphex(get(), ==, 0xfa);
    g_assert_cmphex(get(), ==, 0xab);
    g_assert_cmphex(get(), ==, 0x83);
}

/* --- mouse --- */

static void mouse_on(void)
{
    start();
    aux(0xf4);
    expect("fa");
}

static void move(int dx, int dy, int dz)
{
    ps2_mouse_move(&s.mouse, dx, dy, dz);
    step(0);
}

static void mouse_reset_answers_fa_aa_00(void)
{
    start();
    aux(0xff);
    expect("fa aa 00");
}

static void mouse_reports_only_when_enabled(void)
{
    start();
    move(3, 4, 0);
    expect("");
    aux(0xf4);
    expect("fa");
    move(3, 4, 0); /* up is positive to the mouse */
    expect("28 03 fc");
}

static void mouse_signs_and_limits(void)
{
    mouse_on();
    move(-5, -7, 0);
    expect("18 fb 07");
    step(10 * MS);
    move(300, 0, 0); /* the rest follows */
    expect("08 ff 00");
    step(10 * MS);
    expect("08 2d 00");
}

static void mouse_reports_at_its_rate(void)
{
    mouse_on();
    move(1, 0, 0);
    expect("08 01 00");
    move(1, 0, 0);
    move(1, 0, 0);
    expect("");
    g_assert_cmpint(i8042_core_next_event(&s), ==, now + 10 * MS);
    step(10 * MS);
    expect("08 02 00");
}

static void mouse_buttons(void)
{
    mouse_on();
    ps2_mouse_button(&s.mouse, PS2_BUTTON_LEFT, true);
    step(0);
    expect("09 00 00");
    ps2_mouse_button(&s.mouse, PS2_BUTTON_RIGHT, true);
    ps2_mouse_button(&s.mouse, PS2_BUTTON_LEFT, false);
    step(10 * MS);
    expect("0a 00 00");
    ps2_mouse_button(&s.mouse, PS2_BUTTON_SIDE, true); /* has none */
    step(10 * MS);
    expect("");
}

static void rate(uint8_t r)
{
    aux(0xf3);
    expect("fa");
    aux(r);
    expect("fa");
}

static void mouse_knock(uint8_t a, uint8_t b, uint8_t c, const char *id)
{
    aux(0xf3);
    get();
    aux(a);
    get();
    aux(0xf3);
    get();
    aux(b);
    get();
    aux(0xf3);
    get();
    aux(c);
    get();
    aux(0xf2);
    expect(id);
}

static void wheel_after_200_100_80(void)
{
    mouse_on();
    mouse_knock(200, 100, 80, "fa 03");
    move(0, 0, 1);
    expect("08 00 00 01");
    step(1000 * MS);
    move(0, 0, -1);
    expect("08 00 00 ff");
}

static void five_buttons_after_200_200_80(void)
{
    mouse_on();
    mouse_knock(200, 200, 80, "fa 00"); /* only a wheel mouse has them */
    mouse_knock(200, 100, 80, "fa 03");
    mouse_knock(200, 200, 80, "fa 04");
    ps2_mouse_button(&s.mouse, PS2_BUTTON_SIDE, true);
    move(0, 0, -1);
    expect("08 00 00 1f");
    aux(0xff);
    expect("fa aa 00");
    aux(0xf2);
    expect("fa 00");
}

static void status_request(void)
{
    mouse_on();
    ps2_mouse_button(&s.mouse, PS2_BUTTON_LEFT, true);
    step(0);
    expect("09 00 00");
    aux(0xe7);
    expect("fa");
    aux(0xe8);
    expect("fa");
    aux(0x03);
    expect("fa");
    aux(0xe9);
    expect("fa 34 03 64");
}

static void resolution_above_3_is_refused(void)
{
    mouse_on();
    aux(0xe8);
    expect("fa");
    aux(0x04);
    expect("fe");
    aux(0x01);
    expect("fa");
}

static void remote_mode_reports_on_request(void)
{
    mouse_on();
    aux(0xf0);
    expect("fa");
    move(2, 0, 0);
    step(1000 * MS);
    expect("");
    aux(0xeb);
    expect("fa 08 02 00");
    aux(0xeb);
    expect("fa 08 00 00");
    aux(0xea);
    expect("fa");
    move(2, 0, 0);
    expect("08 02 00");
}

static void wrap_mode_echoes(void)
{
    mouse_on();
    aux(0xee);
    expect("fa");
    aux(0x55);
    expect("55");
    aux(0xf2);
    expect("f2");
    move(9, 9, 0);
    expect("");
    aux(0xec);
    expect("fa");
}

static void scaling_21_bends_small_steps(void)
{
    static const uint8_t bent[] = {0, 1, 1, 3, 6, 9, 12, 14};

    mouse_on();
    aux(0xe7);
    expect("fa");
    for (int d = 1; d < 8; d++) {
        g_autofree char *text = g_strdup_printf("08 %02x 00", bent[d]);

        step(10 * MS);
        move(d, 0, 0);
        expect(text);
    }
}

static void defaults_stop_reports(void)
{
    mouse_on();
    rate(200);
    aux(0xf6);
    expect("fa");
    move(1, 1, 0);
    expect("");
    aux(0xe9);
    expect("fa 00 02 64");
}

static void unknown_mouse_command_asks_for_resend(void)
{
    start();
    aux(0xe1);
    expect("fe");
}

static void hostile_bytes(void)
{
    start();
    for (int n = 0; n < 200000; n++) {
        uint32_t r = g_test_rand_int();

        switch (r & 7) {
        case 0:
            cmd(r >> 8);
            break;
        case 1:
            data(r >> 8);
            break;
        case 2:
            aux(r >> 8);
            break;
        case 3:
            key(r >> 8 & 0xff, r >> 16 & 1);
            break;
        case 4:
            move((int)g_test_rand_int(), (int)g_test_rand_int(), (int)g_test_rand_int());
            break;
        case 5:
            ps2_mouse_button(&s.mouse, r >> 8, r >> 16 & 1);
            break;
        case 6:
            step(r >> 8 & 0xffffff);
            break;
        default:
            get();
        }
        g_assert_cmpint(s.kbd.queue.n_data, <=, PS2_DATA_SIZE);
        g_assert_cmpint(s.mouse.queue.n_data, <=, PS2_DATA_SIZE);
    }
}

#define T(fn) g_test_add_func("/i8042/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    T(status_after_reset);
    T(self_test_answers_55_and_sets_sys);
    T(interface_tests_answer_0);
    T(status_tells_command_from_data);
    T(command_byte_reads_back);
    T(ram_reads_back);
    T(disabled_keyboard_waits);
    T(data_to_keyboard_enables_it);
    T(disabled_mouse_waits);
    T(status_marks_the_mouses_byte);
    T(interrupts_as_the_command_byte_says);
    T(answers_go_before_devices_and_lose_nothing);
    T(buffers_can_be_written);
    T(output_port_has_a20_and_reset);
    T(output_port_shows_interrupts);
    T(pulse_of_line_0_resets);
    T(no_password);
    T(a_new_command_forgets_the_parameter);
    T(read_of_empty_buffer_repeats_last_byte);
    T(reset_answers_fa_aa);
    T(echo_answers_ee);
    T(identifies_as_ab_83);
    T(unknown_command_asks_for_resend);
    T(resend_gives_the_last_byte);
    T(leds_are_set);
    T(set_2_make_and_break);
    T(translation_makes_set_1);
    T(own_set_1_is_the_same);
    T(set_3_by_kinds_of_keys);
    T(pause_and_print);
    T(disabled_keyboard_scans_nothing);
    T(key_repeats_after_delay_at_rate);
    T(last_pressed_repeats);
    T(host_repetition_is_ignored);
    T(typematic_table);
    T(full_buffer_ends_in_overrun);
    T(replies_have_room_in_a_full_buffer);
    T(mouse_reset_answers_fa_aa_00);
    T(mouse_reports_only_when_enabled);
    T(mouse_signs_and_limits);
    T(mouse_reports_at_its_rate);
    T(mouse_buttons);
    T(wheel_after_200_100_80);
    T(five_buttons_after_200_200_80);
    T(status_request);
    T(resolution_above_3_is_refused);
    T(remote_mode_reports_on_request);
    T(wrap_mode_echoes);
    T(scaling_21_bends_small_steps);
    T(defaults_stop_reports);
    T(unknown_mouse_command_asks_for_resend);
    T(hostile_bytes);
    return g_test_run();
}
