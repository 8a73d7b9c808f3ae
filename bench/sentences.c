#include "sentences.h"

const char *sentence(int i)
{
    static const char *const list[SENTENCE_COUNT] = {
        "a person walks slowly forward and then turns around to the left",
        "someone raises both arms above the head and lowers them again",
        "the man jogs in a wide circle and comes to a stop",
        "a person bends down to pick something up from the floor with the right hand",
        "a figure jumps twice on the spot, then steps back",
        "the person kicks with the left leg while keeping both fists up",
        "a man sits down on a chair, waits, and stands up again",
        "she waves with her right hand as if greeting a friend far away",
        "a person crouches, looks around carefully and sneaks forward on tiptoe",
        "someone throws a ball with the right arm and watches it fly",
        "the person walks up a few stairs while holding on to a rail",
        "a tired man drags his feet and lets his shoulders hang",
        "a dancer spins on one foot with the arms stretched out to the sides",
        "the figure limps forward, favouring the left leg, then rests",
        "a person stretches the back, touches the toes and stands upright",
        "somebody runs a few steps and leaps over an obstacle",
        "the man swings an imaginary golf club and shades his eyes",
        "a person crawls on hands and knees in a straight line",
        "a boxer throws three quick punches and dodges to the right",
        "the woman walks backwards slowly, pauses, and then walks forward faster than before",
        "a person claps the hands, bows deeply and steps aside",
        "someone wipes a table with the left hand in small circles",
        "the person balances on one leg with arms held out wide",
        "a man marches on the spot, lifting his knees high with every step"};
    return list[(unsigned)i % SENTENCE_COUNT];
}
