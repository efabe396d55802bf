"""Real money: who grants it to a bot, orders by hand with it, and the watch over both."""
